"""Differences of two recipes that were trained several times each, judged over the trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from maskrec.metrics.intervals import student_quantile, student_share
from maskrec.metrics.paired_decisions import POWER


@dataclass(frozen=True, slots=True)
class SeedDifference:
    """Mean of the second recipe's figures less that of the first's.

    Args:
        value: the difference.
        error: its standard error over trainings.
        degrees: of freedom of Student's distribution, rounded down.
    """

    value: float
    error: float
    degrees: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Ends of the interval over trainings."""
        half = student_quantile(self.degrees, confidence) * self.error
        return self.value - half, self.value + half

    def p_value(self) -> float:
        """Of recipes that differ by their seeds only, two-sided."""
        if not self.error:
            return 0.0 if self.value else 1.0
        return 1 - student_share(abs(self.value) / self.error, self.degrees)

    def smallest_found(self, alpha: float) -> float:
        """The smallest difference that so many trainings find with 80 % power at the level ``alpha``."""
        beyond = student_quantile(self.degrees, 1 - alpha) + student_quantile(self.degrees, 2 * POWER - 1)
        return beyond * self.error


def seed_difference(first: Sequence[float], second: Sequence[float]) -> SeedDifference:
    """The difference of two means by Welch's test, whose variances need not be equal (Welch 1947).

    Args:
        first: a figure of each training of the first recipe.
        second: likewise.

    Raises:
        ValueError: fewer than two trainings of one of them.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"each recipe needs at least two trainings, not {len(first)} and {len(second)}")
    shares = [variance(each) / len(each) for each in (first, second)]
    whole = sum(shares)
    parts = sum(share**2 / (len(each) - 1) for share, each in zip(shares, (first, second), strict=True))
    degrees = whole**2 / parts if parts else float(len(first) + len(second) - 2)
    return SeedDifference(fmean(second) - fmean(first), math.sqrt(whole), max(1, math.floor(degrees + 1e-9)))
