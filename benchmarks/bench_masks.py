"""Putting masks on: faces per second at 112 px in batches of 256, all types mixed, and the memory that it takes.

Run: ``python benchmarks/bench_masks.py [rounds] [gpu-batch]``. Ours is ``put_on_masks`` on float batches, with one and
with two threads; the peer takes and gives the same batches and warps one drawn mask picture a face with OpenCV (a
homography from four points, then alpha blending), in a loop on one thread and over a pool of threads. Each at its best
number of threads, in turn, ``rounds`` times (7). A GPU's row is timed where there is one.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rows import report, report_needs

from maskrec.base.processors import usable_processors
from maskrec.base.random import SeededDraws
from maskrec.faces.alignment import arcface_template
from maskrec.faces.masks import MASK_TYPES, put_on_masks

SIZE, BATCH, CORES = 112, 256, 2
FACES_A_SECOND, ON_A_GPU, MEGABYTES = 2500, 100_000, 300
PEER_SHARE = 0.95  # 2,500 faces/s against twice 1,310 a thread

Floats = NDArray[np.float32]


def batch(count: int, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, SeededDraws]:
    """Faces (noise: the content does not affect the time), landmarks about the template, every type, draws."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 3, SIZE, SIZE, generator=generator)
    points = torch.tensor(arcface_template(SIZE), dtype=torch.float32)
    points = points + 1.5 * torch.randn(count, 5, 2, generator=generator)
    types = torch.arange(count) % len(MASK_TYPES)
    places = torch.arange(count, device=device)
    return images.to(device), points.to(device), types.to(device), SeededDraws(0, 0, "mask", places)


def mask_picture() -> Floats:
    """A folded mask as a picture with an alpha channel, 256 x 256."""
    picture = np.zeros((256, 256, 4), np.uint8)
    outline = np.array([[8, 40], [90, 20], [128, 4], [166, 20], [248, 40], [230, 180], [128, 252], [26, 180]])
    cv2.fillPoly(picture, [outline], (244, 160, 28, 255), cv2.LINE_AA)
    for y in (80, 120, 160):
        cv2.line(picture, (20, y), (236, y), (190, 120, 20, 255), 2, cv2.LINE_AA)
    return (picture / 255).astype(np.float32)


def warp_one(image: Floats, points: Floats, picture: Floats) -> Floats:
    """The peer's work on one face: ``(3, H, W)`` in [0, 1] to a new one."""
    nose, chin = points[2], points[3:].mean(0) + 0.6 * (points[3:].mean(0) - points[2])
    half = 1.25 * (points[1] - points[0]) / 2
    corners = np.array([nose - half, nose + half, chin + half, chin - half], np.float32)
    side = picture.shape[0] - 1
    source = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners)
    warped = cv2.warpPerspective(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR).transpose(2, 0, 1)
    return np.asarray(image * (1 - warped[3:]) + warped[:3] * warped[3:], dtype=np.float32)


def rate(work: Callable[[], object], count: int) -> float:
    """Faces per second of one run."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def ours(threads: int) -> Callable[[], object]:
    """One batch on the CPU."""
    given = batch(BATCH)

    def work() -> object:
        torch.set_num_threads(threads)
        return put_on_masks(*given)

    return work


def peer(threads: int) -> Callable[[], object]:
    """The same faces, one after another or over a pool."""
    images, points, _, _ = batch(BATCH)
    faces, places, picture = images.numpy(), points.numpy(), mask_picture()
    pool = ThreadPoolExecutor(threads)

    def work() -> object:
        cv2.setNumThreads(1)
        result = np.empty_like(faces)

        def warp(i: int) -> None:
            result[i] = warp_one(faces[i], places[i], picture)

        if threads == 1:
            for i in range(BATCH):
                warp(i)
        else:
            list(pool.map(warp, range(BATCH)))
        return torch.from_numpy(result)

    return work


def memory() -> float:
    """Megabytes that a batch takes at its peak beyond what was there before, its result included (Linux)."""
    code = "import bench_masks; bench_masks.print_peak()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def print_peak() -> None:
    """For ``memory``, in a separate process."""

    def peak() -> float:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6

    put_on_masks(*batch(16))
    given = batch(BATCH)
    before = peak()
    put_on_masks(*given)
    print(peak() - before)


def on_a_gpu(count: int) -> float:
    """Faces a second on the GPU, the median of ten batches."""
    given = batch(count, "cuda")
    rates = []
    for _ in range(13):
        torch.cuda.synchronize()
        start = time.perf_counter()
        put_on_masks(*given)
        torch.cuda.synchronize()
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates[3:])


def main() -> None:
    """Print the rows."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    cores = min(CORES, usable_processors())
    works = {
        (name, threads): make(threads) for name, make in (("ours", ours), ("peer", peer)) for threads in {1, cores}
    }
    for work in works.values():
        work()
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in works}
    for _ in range(rounds):
        for key, work in works.items():
            rates[key].append(rate(work, BATCH))
    medians = {key: statistics.median(values) for key, values in rates.items()}
    best = {name: max((1, cores), key=lambda threads: medians[name, threads]) for name in ("ours", "peer")}
    mine, theirs = (rates[name, best[name]] for name in ("ours", "peer"))
    ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    texts = [
        f"{statistics.median(values):.0f} faces/s, {best[name]} threads"
        for name, values in (("ours", mine), ("peer", theirs))
    ]
    report("masks at 112 px, batch 256, against one OpenCV homography a face", texts[0], texts[1], ratio, PEER_SHARE)
    reached = statistics.median(mine) / FACES_A_SECOND
    report("masks at 112 px, batch 256", texts[0], f"goal {FACES_A_SECOND} faces/s", reached, 1.0)
    if sys.platform == "linux":
        peak = memory()
        report("memory of masking 256 faces", f"{peak:.0f} MB", f"{MEGABYTES} MB", peak / MEGABYTES, 1.0, at_most=True)
    if not torch.cuda.is_available():
        report_needs("masks at 112 px on a GPU", "a GPU")
        return
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 8192
    found = on_a_gpu(count)
    name = torch.cuda.get_device_name()
    report(
        f"masks at 112 px on a GPU, batch {count}",
        f"{found:.0f} faces/s, {name}",
        f"goal {ON_A_GPU}",
        found / ON_A_GPU,
        1.0,
    )


if __name__ == "__main__":
    main()
