"""Accuracy of pairs: at the best threshold, and by k-fold cross-validation as in LFW's protocol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.metrics.arrays import Floats, distances_of_both
from maskrec.metrics.roc import roc

LFW_THRESHOLDS: Floats = np.arange(401) / 100
"""0 to 4 by 0.01: every squared L2 distance between unit embeddings is in this range."""


@dataclass(frozen=True, slots=True)
class BestThreshold:
    """The threshold with the highest accuracy on the same pairs that it was chosen on, so the accuracy is optimistic.

    Args:
        threshold: pairs at or below it are classified as the same person.
        accuracy: share of pairs decided rightly, in [0, 1].
    """

    threshold: float
    accuracy: float


def best_threshold(same: ArrayLike, different: ArrayLike) -> BestThreshold:
    """The best of all thresholds, midway between the two distances that it separates; among equals the lowest.

    Where classifying every pair as different is best, it is 1 below 0 and below all distances.

    Raises:
        ValueError: empty or non-finite distances.
    """
    curve = roc(same, different)
    right = curve.true_accepts + curve.different - curve.false_accepts
    best = int(np.argmax(right))
    accuracy = float(right[best] / (curve.same + curve.different))
    low, high = curve.thresholds[best], curve.thresholds[min(best + 1, len(curve.thresholds) - 1)]
    if best == 0:
        return BestThreshold(min(float(high), 0.0) - 1.0, accuracy)
    return BestThreshold(between(float(low), float(high)), accuracy)


def between(low: float, high: float) -> float:
    """The middle, but never ``high`` itself where rounding would reach it: a pair at ``high`` stays over it."""
    middle = low + (high - low) / 2
    return middle if low <= middle < high else low


@dataclass(frozen=True, slots=True, eq=False)
class KFoldAccuracy:
    """Accuracy by cross-validation: each fold at the threshold that is best on all others.

    Args:
        right: int64 ``(folds,)``, pairs decided rightly.
        sizes: int64 ``(folds,)``, pairs.
        thresholds: float64 ``(folds,)``, the one used for each fold.
    """

    right: NDArray[np.int64]
    sizes: NDArray[np.int64]
    thresholds: Floats

    @property
    def accuracies(self) -> Floats:
        """Accuracy of each fold, ``(folds,)``."""
        return self.right / self.sizes

    @property
    def mean(self) -> float:
        """Mean over folds, each fold with equal weight."""
        return float(self.accuracies.mean())

    @property
    def standard_deviation(self) -> float:
        """Sample standard deviation over folds (divided by folds - 1)."""
        return float(self.accuracies.std(ddof=1))

    @property
    def standard_error(self) -> float:
        """Standard error of the mean, the value that LFW reports after the plus-minus sign."""
        return self.standard_deviation / float(np.sqrt(len(self.accuracies)))


def k_fold_accuracy(
    distances: ArrayLike, same: ArrayLike, fold: ArrayLike, thresholds: ArrayLike = LFW_THRESHOLDS
) -> KFoldAccuracy:
    """LFW's protocol (Huang et al. 2007): choose the threshold on all folds but one, measure on that one, in turn.

    Nothing is shuffled. Among equally good thresholds the first is taken.

    Args:
        distances: ``(n,)``; with the default thresholds, squared L2 between unit embeddings.
        same: bool ``(n,)``.
        fold: int ``(n,)``, which fold each pair is in; numbers need not be contiguous.
        thresholds: the candidates.

    Raises:
        ValueError: lengths that differ, no same or no different pairs, non-finite distances, or fewer than two folds.
    """
    distances, same = np.asarray(distances, dtype=np.float64), np.asarray(same, dtype=bool)
    fold, thresholds = np.asarray(fold), np.asarray(thresholds, dtype=np.float64)
    if not distances.shape == same.shape == fold.shape:
        raise ValueError(f"distances, same and fold differ in shape: {distances.shape}, {same.shape} and {fold.shape}")
    distances_of_both(distances[same], distances[~same])
    numbers, index = np.unique(fold, return_inverse=True)
    if len(numbers) < 2:
        raise ValueError(f"cross-validation needs at least two folds, not {len(numbers)}")
    right = np.stack([_right(distances[index == i], same[index == i], thresholds) for i in range(len(numbers))])
    chosen = np.argmax(right.sum(axis=0) - right, axis=1)
    rows = np.arange(len(numbers))
    return KFoldAccuracy(right[rows, chosen], np.bincount(index), thresholds[chosen])


def contiguous_folds(groups: ArrayLike, folds: int) -> NDArray[np.int64]:
    """Fold of each pair: every group cut in its own order into ``folds`` runs whose sizes differ by at most one.

    Args:
        groups: int ``(n,)``; pairs of one number (one class, one condition) are spread evenly over all folds.
        folds: how many, at least 2.

    Raises:
        ValueError: fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"cross-validation needs at least two folds, not {folds}")
    groups = np.asarray(groups)
    fold = np.zeros(len(groups), dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        fold[members] = np.arange(len(members)) * folds // len(members)
    return fold


def _right(distances: Floats, same: NDArray[np.bool_], thresholds: Floats) -> NDArray[np.int64]:
    """How many pairs each threshold decides rightly."""
    accepted_same = np.searchsorted(np.sort(distances[same]), thresholds, "right")
    accepted_different = np.searchsorted(np.sort(distances[~same]), thresholds, "right")
    return accepted_same + np.count_nonzero(~same) - accepted_different
