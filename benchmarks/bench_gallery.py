"""A gallery of a million faces: how long opening it takes, and how long searches in it take.

Run: ``python benchmarks/bench_gallery.py [--rows 1000000] [--width 512] [--keep FILE] [--rounds 5]``. Every core that
the process may use; goals for two of them. ``--keep`` names a file for the gallery, which is used again where it is
there: making one of a million rows (2.0 GB) takes minutes. Three rows, of a gallery in a real file, a fifth of it
masked, four rows a person:

- the first search after opening: reading and checking all rows, and one search; goal at most 6 s. The file was just
  written or read, so the system may hold it in memory; how much of it came from the disk is printed.
- one face searched; goal at most 0.25 s.
- 64 faces searched at once; goal at most 1 s.

No network is part of it: a face's embedding is drawn, near an enrolled one. Error rates are made up, so that a gallery
of this size can be decided at all.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rows import report

from maskrec.base.processors import usable_processors
from maskrec.base.words import byte_size
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.galleries.enrolled import FaceQuality, GalleryModel, NewFace
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.search_answer import SearchedFace
from maskrec.inference.photos.found_face import Face
from maskrec.metrics import Risk, normalise
from maskrec.metrics.distance_counts import BIN_WIDTH, BINS, GRID, DistanceCounts, cumulative

FIRST_GOAL, ONE_GOAL, MANY_GOAL = 6.0, 0.25, 1.0
ROWS_A_PERSON, MANY = 4, 64
QUALITY = FaceQuality(60.0, 200.0, 0.999)
FACE = Face((0.0, 0.0, 112.0, 112.0), None, None, np.zeros((112, 112, 3), np.uint8), masked=False)


def drawn_people(first: int, last: int, width: int) -> Iterator[tuple[str, list[NewFace]]]:
    """People with rows in random directions."""
    generator = np.random.default_rng(first)
    rows = generator.standard_normal(((last - first) * ROWS_A_PERSON, width), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    masked = generator.random(len(rows)) < 0.2
    for person in range(first, last):
        own = range((person - first) * ROWS_A_PERSON, (person - first + 1) * ROWS_A_PERSON)
        yield f"person {person}", [NewFace(rows[row], bool(masked[row]), QUALITY, f"{row}.jpg", "") for row in own]


def make_gallery_file(path: Path, count: int, width: int) -> None:
    """A gallery of so many rows."""
    model = GalleryModel("ab" * 32, width, "drawn embeddings")
    people, step = count // ROWS_A_PERSON, 25_000
    with GalleryFile.create(path, model) as file:
        for first in range(0, people, step):
            file.add_many(drawn_people(first, min(first + step, people), width))


def made_up_risk() -> Risk:
    """Error rates that carry any gallery: bell curves of distances, the same in each condition and for 100 people."""
    middles = (np.arange(BINS) + 0.5) * BIN_WIDTH
    genuine, impostor = (
        (count * np.exp(-0.5 * np.square((middles - mean) / 0.1))).astype(np.int64)
        for count, mean in ((10**6, 0.8), (10**13, 1.35))
    )
    below = cumulative(impostor)
    grid = np.searchsorted(below, np.geomspace(10, below[-1] / 2, GRID), "right") - 1
    false = np.broadcast_to(below[grid] // 50 + 1, (3, 100, GRID))
    every = np.full((3, 100), below[-1] // 50)
    return Risk(DistanceCounts(*(np.stack([each] * 3) for each in (genuine, impostor, grid)), false, every))


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor_seconds(used: resource.struct_rusage) -> float:
    """Of all threads."""
    return used.ru_utime + used.ru_stime


def probes_near(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Embeddings near enrolled ones."""
    generator = np.random.default_rng(1)
    some = rows[generator.integers(0, len(rows), count)].astype(np.float64)
    return normalise(some + generator.normal(0, 0.5 / np.sqrt(rows.shape[1]), some.shape)).astype(np.float32)


def opened_and_searched(path: Path, decisions: Decisions) -> tuple[LoadedGallery, float, float]:
    """The gallery, the seconds of reading it, and those until the first search is answered."""
    began = time.perf_counter()
    with GalleryFile.open(path) as file:
        faces = file.faces()
    read = time.perf_counter() - began
    loaded = LoadedGallery(faces, decisions, "drawn embeddings")
    search(loaded, faces.embeddings[:1])
    return loaded, read, time.perf_counter() - began


def search(loaded: LoadedGallery, rows: NDArray[np.float32]) -> None:
    """Search faces; each must be answered."""
    answers = loaded.search([FACE] * len(rows), rows, SearchSettings())
    unanswered = [each for each in answers if not isinstance(each, SearchedFace)]
    if unanswered:
        raise SystemExit(f"a search was not answered: {unanswered[0]}")


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--keep", type=Path, help="the gallery's file, made where it does not exist")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "bench.gallery"
        if not path.exists():
            print(f"made in {seconds(lambda: make_gallery_file(path, given.rows, given.width)):.0f} s", flush=True)
        decisions = Decisions(risk=made_up_risk())
        before = resource.getrusage(resource.RUSAGE_SELF)
        loaded, read, first = opened_and_searched(path, decisions)
        after = resource.getrusage(resource.RUSAGE_SELF)
        disk, worked = (
            512 * (after.ru_inblock - before.ru_inblock),
            processor_seconds(after) - processor_seconds(before),
        )
        size = byte_size(loaded.faces.embeddings.nbytes)
        what = f"gallery of {len(loaded):,} x {loaded.faces.embeddings.shape[1]} ({size}), {usable_processors()} cores"
        report(
            f"{what}: first search after opening",
            f"{first:.2f} s ({read:.2f} to read; {worked:.2f} of processor time, {byte_size(disk)} from the disk)",
            "none",
            first,
            FIRST_GOAL,
            at_most=True,
        )
        for count, goal in ((1, ONE_GOAL), (MANY, MANY_GOAL)):
            work = partial(search, loaded, probes_near(loaded.faces.embeddings, count))
            work()
            taken = statistics.median(seconds(work) for _ in range(given.rounds))
            faces = "one face" if count == 1 else f"{count} faces at once"
            report(f"{what}: {faces} searched", f"{taken:.3f} s", "none", taken, goal, at_most=True)


if __name__ == "__main__":
    main()
