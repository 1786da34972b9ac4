"""The reference protocol's threshold: where the histograms of same and different distances cross."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.metrics.accuracy import best_threshold, between
from maskrec.metrics.arrays import Floats, distances_of_both

Rule = Literal["crossing", "gap", "collapsed"]


@dataclass(frozen=True, slots=True, eq=False)
class HistogramThreshold:
    """The result of ``histogram_threshold``.

    Args:
        threshold: pairs at or below it are classified as the same person.
        rule: ``crossing`` of the histograms; ``gap``: no crossing, but every same distance is below every different
            one and this is the middle; ``collapsed``: neither, and this is the pairs' own best threshold instead.
        iou: overlap of the two classes, lower is better; 1 when collapsed.
        edges: float64 ``(bins + 1,)``.
        same_counts: int64 ``(bins,)``, same pairs a bin.
        different_counts: int64 ``(bins,)``.
    """

    threshold: float
    rule: Rule
    iou: float
    edges: Floats
    same_counts: NDArray[np.int64]
    different_counts: NDArray[np.int64]

    @property
    def collapsed(self) -> bool:
        """Whether the histograms gave no threshold and the classes are not separated either."""
        return self.rule == "collapsed"


def histogram_threshold(same: ArrayLike, different: ArrayLike, bins: int = 100) -> HistogramThreshold:
    """The reference protocol's threshold, reproduced exactly.

    Both histograms run over [floor(min), ceil(max)] of all distances. Candidates are the bins from the same peak
    (included) to the different peak (excluded); at the first whose same count is not above its different count, the
    threshold is the mean of that bin's left edge and the edge before. Equal peaks take the lowest bin. Bin 0 has no
    edge before it, so a first crossing there does not count. Without a crossing see ``HistogramThreshold.rule``.

    Args:
        same: distances of same-person pairs, ``(n,)``.
        different: distances of different-person pairs, ``(m,)``.
        bins: how many, at least 2.

    Raises:
        ValueError: empty or non-finite distances, or fewer than two bins.
    """
    same, different = distances_of_both(same, different)
    edges, same_counts, different_counts = histograms(same, different, bins)
    threshold, rule = _decide(same, different, _crossing(edges, same_counts, different_counts))
    overlap = 1.0 if rule == "collapsed" else iou(same, different, threshold)
    return HistogramThreshold(threshold, rule, overlap, edges, same_counts, different_counts)


def histograms(
    same: ArrayLike, different: ArrayLike, bins: int = 100
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Edges ``(bins + 1,)`` over [floor(min), ceil(max)] of all distances, and the counts of both classes ``(bins,)``.

    A bin holds its left edge, the last bin both. When all distances are one whole number, the edges reach half a unit
    to either side of it.

    Raises:
        ValueError: empty or non-finite distances, or fewer than two bins.
    """
    same, different = distances_of_both(same, different)
    if bins < 2:
        raise ValueError(f"bins must be at least 2, not {bins}")
    nearest = min(float(same.min()), float(different.min()))
    farthest = max(float(same.max()), float(different.max()))
    span = (float(np.floor(nearest)), float(np.ceil(farthest)))
    same_counts, edges = np.histogram(same, bins, span)
    different_counts, _ = np.histogram(different, bins, span)
    return edges.astype(np.float64), same_counts.astype(np.int64), different_counts.astype(np.int64)


def iou(same: ArrayLike, different: ArrayLike, threshold: float) -> float:
    """Overlap of the two classes at a threshold: 0 when it separates them, 1 when half of all pairs are wrong.

    overlap / (N_same + N_different - overlap), where overlap counts same pairs at or over the threshold and different
    pairs at or under it. Lower is better. With more than half of the pairs in the overlap it is over 1; with all of
    them, where the formula divides by zero, it is the number of pairs, above every other value.

    Raises:
        ValueError: empty or non-finite distances, or a threshold that is not a number.
    """
    same, different = distances_of_both(same, different)
    if np.isnan(threshold):
        raise ValueError("the threshold is not a number")
    overlap = int(np.count_nonzero(same >= threshold)) + int(np.count_nonzero(different <= threshold))
    return overlap / max(same.size + different.size - overlap, 1)


def _crossing(edges: Floats, same: NDArray[np.int64], different: NDArray[np.int64]) -> float | None:
    first, last = int(np.argmax(same)), int(np.argmax(different))
    crossed = np.flatnonzero(same[first:last] <= different[first:last])
    if not len(crossed):
        return None
    bin_ = first + int(crossed[0])
    return None if bin_ == 0 else float((edges[bin_] + edges[bin_ - 1]) / 2)


def _decide(same: Floats, different: Floats, crossing: float | None) -> tuple[float, Rule]:
    if crossing is not None:
        return crossing, "crossing"
    if same.max() < different.min():
        return between(float(same.max()), float(different.min())), "gap"
    return best_threshold(same, different).threshold, "collapsed"
