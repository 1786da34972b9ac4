"""Faces a second through the training loader: from files, tar shards, packed JPEG and packed pixels, at 112 and 160 px.

Run: ``python benchmarks/bench_reading.py [pairs] [LFW]``. The peer is libjpeg-turbo (simplejpeg) alone, decoding the
same faces in the same order from memory into nothing, one process a core; packed pixels are measured against packed
JPEG. Both are timed in turn, ``pairs`` times (5), over ``FACES`` faces read in random order, with as many loader
workers as cores, the time to start them included; the ratio is the median of the pairs' ratios. Faces are LFW's where
the folder LFW (by default ``shared/faces`` beside the repository) has them, else drawn by the program; both are aligned
by their landmarks and saved at quality 95, so that both sides decode and neither warps. A row: figure | ours | peer |
ratio | goal | ok or short.
"""

from __future__ import annotations

import csv
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
import torch
from rows import report

from maskrec.base.processors import usable_processors
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.datasets.image_csv import ImageCsv
from maskrec.datasets.image_packed import ImagePacked
from maskrec.datasets.image_tar import ImageTar
from maskrec.datasets.synthetic_faces import SyntheticFaces
from maskrec.faces.alignment import arcface_template, similarity_transforms
from maskrec.images.canvas import moves_nothing, to_canvas
from maskrec.images.decoding import read_image
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.tars.index import write_tar_index
from maskrec.images.tars.tarfiles import write_tar
from maskrec.preparation.packing.packing import Packing, pack
from maskrec.preparation.sources.opening import open_source
from maskrec.runtime.loading import Samples, load

CORES = usable_processors()
DISTINCT, FACES, BATCH, SHARD = 4096, 131_072, 256, 1024
GOALS = {"files": 0.8, "tar shards": 0.9, "packed JPEG": 0.9}
RAW_GOAL = 5.0

Face = tuple[str, np.ndarray, np.ndarray]  # path, uint8 RGB (size, size, 3), landmarks (5, 2)


def faces(size: int, lfw: Path) -> Iterator[Face]:
    """``DISTINCT`` aligned faces."""
    if not (lfw / "lfw_landmarks.csv").exists():
        people = SyntheticFaces(size, identities=64, images_per_identity=DISTINCT // 64)
        for index in range(DISTINCT):
            sample = people[index]
            assert sample.landmarks is not None
            drawn = np.ascontiguousarray(sample.image.permute(1, 2, 0).numpy())
            yield f"{sample.label:03d}/{index:05d}.jpg", *aligned(drawn, sample.landmarks.double().numpy(), size)
        return
    with (lfw / "lfw_landmarks.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows[:: len(rows) // DISTINCT][:DISTINCT]:
        points = np.array([float(row[name]) for name in LANDMARK_COLUMNS]).reshape(5, 2)
        place = lfw / row["path"] if (lfw / row["path"]).exists() else lfw / "lfw" / row["path"]
        yield "/".join(place.parts[-2:]), *aligned(read_image(place), points, size)


def aligned(image: np.ndarray, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The face on the canvas, where it needs no further change, and its landmarks there."""
    canvas, moved = to_canvas(image, points, size, "arcface")
    assert moved is not None
    return canvas.permute(1, 2, 0).numpy(), moved.numpy()


def write_faces(folder: Path, size: int, lfw: Path) -> list[bytes]:
    """A data set as ``data align`` makes it, in a folder and in tars; the JPEG files."""
    (folder / "tars").mkdir(parents=True)
    files, rows = [], []
    for path, image, points in faces(size, lfw):
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(image), 95, "RGB", "420", fastdct=False)
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
        files.append((path, data))
        rows.append([path, path.partition("/")[0], *(f"{value:.2f}" for value in points.ravel())])
    people = {name: target for target, name in enumerate(sorted({row[1] for row in rows}))}
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "target", "identity", *LANDMARK_COLUMNS])
        writer.writerows([row[0], people[row[1]], *row[1:]] for row in rows)
    for first in range(0, len(files), SHARD):
        write_tar(folder / "tars" / f"faces-{first // SHARD:06d}.tar", files[first : first + SHARD])
    write_tar_index(folder / "tars")
    return [data for _, data in files]


def data_sets(folder: Path, size: int) -> dict[str, Samples]:
    """The same faces in every form."""
    source = open_source(folder)
    pack(Packing(source, folder.with_name(f"packed{size}")))
    pack(Packing(source, folder.with_name(f"raw{size}"), size))
    context = Context(input_spec=InputSpec(size, alignment="arcface"))
    sets = {
        "files": ImageCsv(folder / "faces.csv", context, size),
        "tar shards": ImageTar(context, size, folder / "tars"),
        "packed JPEG": ImagePacked(folder.with_name(f"packed{size}"), context, size),
        "packed pixels": ImagePacked(folder.with_name(f"raw{size}"), context, size),
    }
    check_in_place(sets["packed JPEG"], size)
    return sets


def check_in_place(faces: Samples, size: int) -> None:
    """Fail where a face would be warped, which the peer does not do."""
    points = np.stack([faces[index].landmarks for index in range(0, len(faces), 61)])
    moved = moves_nothing(similarity_transforms(points.astype(np.float64), arcface_template(size)), (size, size))
    assert moved.all(), f"{(~moved).sum()} of {len(moved)} faces are not aligned"


def shuffled(count: int) -> list[int]:
    """``FACES`` faces of ``count`` in random order, each as often as the others."""
    order: list[int] = (np.random.default_rng(0).permutation(FACES) % count).tolist()
    return order


def loading(samples: Samples) -> float:
    """Faces a second through the loader."""
    order = shuffled(len(samples))
    places = [[(start + k, order[start + k]) for k in range(BATCH)] for start in range(0, FACES, BATCH)]
    begin = time.perf_counter()
    seen = sum(len(batch.images) for batch in load(samples, places, CORES, pin=False))
    assert seen == FACES
    return FACES / (time.perf_counter() - begin)


def decode_all(files: list[bytes]) -> None:
    """The peer's work in one process: its share of the faces."""
    for data in files:
        simplejpeg.decode_jpeg(data, "RGB")


def decoding(files: list[bytes]) -> float:
    """Faces a second of the decoder alone, one process a core."""
    faces = [files[index] for index in shuffled(len(files))]
    shares = [faces[first::CORES] for first in range(CORES)]
    begin = time.perf_counter()
    processes = [multiprocessing.get_context("fork").Process(target=decode_all, args=(share,)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return FACES / (time.perf_counter() - begin)


def measure(figure: str, ours: Callable[[], float], peer: Callable[[], float], pairs: int, goal: float) -> None:
    """Time both in turn and report the row."""
    ours(), peer()
    rates = [(ours(), peer()) for _ in range(pairs)]
    ratio = statistics.median(mine / theirs for mine, theirs in rates)
    mine, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
    report(figure, f"{mine:,.0f} faces/s", f"{theirs:,.0f} faces/s", ratio, goal)


def measure_all(folder: Path, size: int, lfw: Path, pairs: int) -> None:
    """The rows of one size."""
    files = write_faces(folder, size, lfw)
    sets = data_sets(folder, size)
    for kind, goal in GOALS.items():
        measure(f"{kind}, {size} px", partial(loading, sets[kind]), partial(decoding, files), pairs, goal)
    raw, packed = partial(loading, sets["packed pixels"]), partial(loading, sets["packed JPEG"])
    measure(f"packed pixels against packed JPEG, {size} px", raw, packed, pairs, RAW_GOAL)


def main() -> None:
    """Print the rows."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    lfw = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[2] / "shared" / "faces"
    with tempfile.TemporaryDirectory() as name:
        for size in (112, 160):
            measure_all(Path(name) / f"faces{size}", size, lfw, pairs)


if __name__ == "__main__":
    main()
