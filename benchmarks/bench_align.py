"""Photos a second of ``maskrec data align`` on LFW, against a loop over facenet-pytorch's ``MTCNN()``; faces found.

Run: ``python benchmarks/bench_align.py [--lfw FOLDER] [--photos 768] [--rounds 3] [--found]``. The peer opens each
photo and calls ``MTCNN()`` on it (finding and cutting, nothing written), at its best thread count; ours finds, warps,
encodes and writes with two single-threaded workers, from the moment that both are at work. Timed in turn; the ratio is
the median of the rounds'. ``--found`` aligns all of LFW and compares with the supplied landmarks: a face is found when
no point is more than a third of the eyes' distance away. Rows: figure | ours | peer | ratio | goal | ok or short.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from first_photos import first_photos
from PIL import Image
from rows import report

from maskrec.detection.find_faces import find_faces
from maskrec.preparation.aligning.aligning import AlignSettings, aligning
from maskrec.preparation.resumable.job import GROUP, run
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.given_landmarks import with_landmarks
from maskrec.preparation.sources.opening import open_source
from maskrec.preparation.sources.photo_source import Source

FACES = Path(__file__).parents[2] / "shared" / "faces"
RATE_GOAL, FOUND_GOAL = 2.5, 0.999
WORKERS = 2
PEER_PHOTOS = 96


class Stopwatch(Meter):
    """Notes when each group was done."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[float, int]] = []

    def advance(self, photos: int, faces: int, rejected: int) -> None:
        """A group is done."""
        super().advance(photos, faces, rejected)
        self.ends.append((time.perf_counter(), photos))

    def rate(self) -> float:
        """Photos a second after every worker has done its first group."""
        (start, _), rest = self.ends[WORKERS - 1], self.ends[WORKERS:]
        return sum(photos for _, photos in rest) / (rest[-1][0] - start)


def ours(source: Source) -> float:
    """Photos a second with two workers."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        run(aligning(source, Path(folder) / "faces", AlignSettings(choice="central")), workers=WORKERS, meter=watch)
    return watch.rate()


def peer(mtcnn: Any, source: Source, threads: int) -> float:
    """Photos a second of a loop over the peer."""
    torch.set_num_threads(threads)
    photos = source.items[: PEER_PHOTOS + 4]
    for item in photos[:4]:
        mtcnn(Image.open(source.path / item.place))
    start = time.perf_counter()
    for item in photos[4:]:
        mtcnn(Image.open(source.path / item.place))
    return PEER_PHOTOS / (time.perf_counter() - start)


def rates(source: Source, rounds: int) -> None:
    """The row of photos a second."""
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN()
    threads = max(range(1, WORKERS + 1), key=lambda count: peer(mtcnn, source, count))
    pairs = [(ours(source), peer(mtcnn, source, threads)) for _ in range(rounds)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    figure = f"data align, LFW at 250 px, {WORKERS} workers; peer MTCNN(), {threads} threads"
    report(figure, f"{mine:.1f} photos/s", f"{theirs:.1f} photos/s", ratio, RATE_GOAL)


def found(source: Source, landmarks: Path) -> None:
    """The row of faces found."""
    torch.set_num_threads(1)
    given = with_landmarks(source, landmarks)
    count = 0
    for first in range(0, len(given.items), GROUP):
        group = given.items[first : first + GROUP]
        photos = [np.asarray(Image.open(source.path / item.place).convert("RGB")) for item in group]
        for item, faces in zip(group, find_faces(photos, None), strict=True):
            truth = np.array(item.landmarks).reshape(5, 2)
            near = np.linalg.norm(truth[1] - truth[0]) / 3.0
            count += bool((np.linalg.norm(faces.landmarks - truth, axis=2).max(1) < near).any())
    share = count / len(given.items)
    report("faces of LFW found", f"{count:,}", f"{len(given.items):,} in all", share, FOUND_GOAL)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lfw", type=Path, default=FACES / "lfw")
    parser.add_argument("--landmarks", type=Path, default=FACES / "lfw_landmarks.csv")
    parser.add_argument("--photos", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--found", action="store_true")
    given = parser.parse_args()
    if not given.lfw.is_dir():
        print(f"data align on LFW | needs LFW's photos in {given.lfw}")
        return
    source = open_source(given.lfw)
    rates(first_photos(source, given.photos), given.rounds)
    if given.found:
        found(source, given.landmarks)


if __name__ == "__main__":
    main()
