"""Time of the histogram threshold and the whole ROC curve of 120,000 pairs, against scikit-learn's ``roc_curve``.

Run: ``python benchmarks/bench_metrics.py [pairs]``. Both are timed in turn, ``pairs`` times (30); the ratio is the
median of the pairs' ratios. Both keep every vertex of the curve; ours finds the threshold besides.
One row: figure | ours | peer | ratio | goal | ok or short.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from rows import report
from sklearn.metrics import roc_curve

from maskrec.metrics import histogram_threshold, roc

GOAL = 1.00
PAIRS = 120_000


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Print the row."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    rng = np.random.default_rng(0)
    same, different = rng.normal(0.9, 0.2, PAIRS // 2), rng.normal(1.4, 0.1, PAIRS // 2)
    truth, scores = np.repeat([1, 0], PAIRS // 2), -np.concatenate([same, different])

    def ours() -> None:
        histogram_threshold(same, different)
        roc(same, different)

    def peer() -> None:
        roc_curve(truth, scores, drop_intermediate=False)

    ours(), peer()
    times = [(seconds(ours), seconds(peer)) for _ in range(repeats)]
    ratio = statistics.median(mine / theirs for mine, theirs in times)
    mine, theirs = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    report(f"threshold and ROC, {PAIRS:,} pairs", f"{mine:.1f} ms", f"{theirs:.1f} ms", ratio, GOAL, at_most=True)


if __name__ == "__main__":
    main()
