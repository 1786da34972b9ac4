"""Every triplet of a batch: time against pytorch-metric-learning's triplet loss, and the memory of a large batch.

Run: ``python benchmarks/bench_triplets.py [rounds]``. Both compute the loss of 8 people x 30 faces (K = 30 of each,
1,461,600 triplets, 512 numbers an embedding) and the gradient of the embeddings on one thread, in turn, ``rounds``
times (5); the ratio is of the best of each, and both must give the same loss. The large batch is 60 people x 30 faces,
92 million triplets: the peak of its memory beyond what was there before is measured in a separate process (Linux).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rows import report, report_needs
from torch import Tensor

from maskrec.losses.triplets.triplet import Triplet

PEOPLE, LARGE, FACES, SIZE, MARGIN = 8, 60, 30, 512, 0.2
TIMES_AS_FAST, MEGABYTES = 12.0, 300

Loss = Callable[[Tensor, Tensor], Tensor]


def batch(people: int) -> tuple[Tensor, Tensor]:
    """Embeddings that are learned a little: most triplets are active."""
    labels = torch.arange(people * FACES) % people
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(people, SIZE, generator=generator)
    return torch.randn(len(labels), SIZE, generator=generator) + 0.5 * centres[labels], labels


def step(loss: Loss, people: int = PEOPLE) -> tuple[float, float, Tensor]:
    """Seconds of a forward and backward pass, the loss and the gradient."""
    embeddings, labels = batch(people)
    embeddings.requires_grad_()
    start = time.perf_counter()
    value = loss(embeddings, labels)
    value.backward()  # type: ignore[no-untyped-call]
    took = time.perf_counter() - start
    assert embeddings.grad is not None
    return took, float(value.detach()), embeddings.grad


def ours() -> Loss:
    """The triplet loss over every triplet."""
    return Triplet(margin=MARGIN, miner="batch_all")


def peer() -> Loss | None:
    """Its triplet loss takes every triplet too, and averages over those that are active; None where it is missing."""
    try:
        from pytorch_metric_learning.losses import TripletMarginLoss
    except ImportError:
        return None
    loss: Loss = TripletMarginLoss(margin=MARGIN)
    return loss


def against_the_peer(rounds: int) -> None:
    """The row of the time."""
    figure = f"every triplet of {PEOPLE} people x {FACES} faces, one thread"
    theirs = peer()
    if theirs is None:
        report_needs(figure, "pytorch-metric-learning")
        return
    mine = ours()
    (_, value, gradient), (_, their_value, their_gradient) = step(mine), step(theirs)
    torch.testing.assert_close(value, their_value, rtol=1e-4, atol=0)
    torch.testing.assert_close(gradient, their_gradient, rtol=0, atol=1e-4 * float(their_gradient.abs().max()))
    times = [(step(mine)[0], step(theirs)[0]) for _ in range(rounds)]
    best, their_best = (min(column) for column in zip(*times, strict=True))
    report(figure, f"{best * 1000:.1f} ms", f"{their_best * 1000:.1f} ms", their_best / best, TIMES_AS_FAST)


def print_large() -> None:
    """For ``large``, in a separate process: the peak in megabytes and the seconds of a step."""

    def peak() -> float:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6

    torch.set_num_threads(1)
    step(ours(), people=2)
    before = peak()
    seconds = step(ours(), LARGE)[0]
    print(peak() - before, seconds)


def large() -> None:
    """The row of the memory."""
    code = "import bench_triplets; bench_triplets.print_large()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    megabytes, seconds = map(float, done.stdout.split())
    figure = f"memory of every triplet of {LARGE} people x {FACES} faces"
    text = f"{megabytes:.0f} MB, {seconds:.2f} s"
    report(figure, text, f"{MEGABYTES} MB", megabytes / MEGABYTES, 1.0, at_most=True)


def main() -> None:
    """Print the rows."""
    torch.set_num_threads(1)
    against_the_peer(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    if sys.platform == "linux":
        large()


if __name__ == "__main__":
    main()
