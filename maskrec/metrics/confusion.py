"""Counts of right and wrong decisions at a threshold, and precision, recall and F1 of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maskrec.metrics.arrays import distances_of_both


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and F1 of one class, each in [0, 1]; precision is None where no pair was assigned to it."""

    precision: float | None
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decisions at a threshold.

    Args:
        same_as_same: same pairs at or under it.
        same_as_different: same pairs over it.
        different_as_same: different pairs at or under it.
        different_as_different: different pairs over it.
    """

    same_as_same: int
    same_as_different: int
    different_as_same: int
    different_as_different: int

    @property
    def right(self) -> int:
        """Pairs decided rightly."""
        return self.same_as_same + self.different_as_different

    @property
    def total(self) -> int:
        """All pairs."""
        return self.right + self.same_as_different + self.different_as_same

    @property
    def accuracy(self) -> float:
        """Share of pairs decided rightly, in [0, 1]."""
        return self.right / self.total

    @property
    def same(self) -> ClassScores:
        """Scores of the class "same person"."""
        return _scores(self.same_as_same, self.same_as_different, self.different_as_same)

    @property
    def different(self) -> ClassScores:
        """Scores of the class "different people"."""
        return _scores(self.different_as_different, self.different_as_same, self.same_as_different)


def confusion(same: ArrayLike, different: ArrayLike, threshold: float) -> Confusion:
    """Decisions when pairs at or below ``threshold`` are classified as the same person.

    Raises:
        ValueError: empty or non-finite distances, or a threshold that is not a number.
    """
    same, different = distances_of_both(same, different)
    if np.isnan(threshold):
        raise ValueError("the threshold is not a number")
    hits, alarms = int(np.count_nonzero(same <= threshold)), int(np.count_nonzero(different <= threshold))
    return Confusion(hits, same.size - hits, alarms, different.size - alarms)


def _scores(hits: int, misses: int, alarms: int) -> ClassScores:
    precision = hits / (hits + alarms) if hits + alarms else None
    return ClassScores(precision, hits / (hits + misses), 2 * hits / (2 * hits + misses + alarms))
