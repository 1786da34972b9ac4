"""How many independent searches those of galleries drawn from the same people are worth.

The same person searches in many galleries, and a row that is easily taken for others answers many searches, so hits are
far from independent. What they say is stated as the number of independent searches that would say as much, p (1 - p)
over the variance of the measured rate p (Kish 1965), fewer where the variance itself stems from few people (Korn and
Graubard 1998). Wilson's interval with that number holds near 0 and 1 too (Dean and Pagano 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices
from maskrec.metrics.distance_counts import BINS, cumulative

GRID_POINTS = 32
"""Thresholds at which the searches are weighed; between them their number is interpolated."""
_HIGHEST = 1 - 1e-9  # rate, of which the hazard is taken
_WIDER = (1.96**2 + 1) / 4  # Student's quantile is wider than the normal one by 1 + this / freedom, to first order


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSearches:
    """Searches in galleries of one size.

    Args:
        bins: int ``(m,)``, the bin of the distance that answers each; ``BINS`` where none does.
        who: int64 ``(m,)``, who searched.
    """

    bins: Indices
    who: Indices


@dataclass(frozen=True, slots=True, eq=False)
class SearchedRows:
    """The rows that answered searches by strangers.

    Args:
        nearest: int64 ``(m,)``, whose row is the nearest in each search.
        enrolled: int64 ``(galleries, N)``, who is in each gallery.
    """

    nearest: Indices
    enrolled: Indices


def rate_grid(histogram: Indices, searches: int) -> Indices:
    """Edges of bins, int64 ``(GRID_POINTS,)`` and not falling, evenly in log hits and then in log misses.

    Args:
        histogram: int64 ``(BINS,)``, hits by distance.
        searches: of which they are hits, at least 1.
    """
    few = np.geomspace(1, max(searches / 2, 1), GRID_POINTS // 2)
    return np.sort(np.searchsorted(cumulative(histogram), np.concatenate([few, searches - few]), "left")).clip(0, BINS)


def effective_searches(searches: DrawnSearches, grid: Indices, rows: SearchedRows | None = None) -> Indices:
    """The number of independent searches at each threshold, int64 ``(GRID_POINTS,)``, from 1 to all.

    People are resampled to first order: the hits of whoever searches count together, and with ``rows`` those that each
    enrolled person's row answers.

    Args:
        searches: at least one.
        grid: edges of bins.
        rows: the rate is that of one new gallery of as many rows. None: only whoever searches is taken anew.
    """
    total = len(searches.bins)
    whose, number = np.unique(searches.who, return_inverse=True)
    hits = _cumulated(number, len(whose), searches.bins, grid)
    rate = hits.sum(axis=0) / total
    apart = hits - np.bincount(number)[:, None] * rate
    variance = np.square(apart).sum(axis=0) / total**2 * (len(whose) / max(len(whose) - 1, 1))
    behind = _people_behind(hits)
    if rows is not None:
        of_galleries, behind_rows = _of_galleries(searches, rows, grid, rate)
        variance, behind = variance + of_galleries, np.minimum(behind, behind_rows)
    independent = rate * (1 - rate)
    # Where all or none are hits, nothing varies; a person then counts once.
    worth = np.where(independent > 0, independent / np.maximum(variance, np.finfo(float).tiny), len(whose))
    worth /= np.square(1 + _WIDER / behind)
    return np.clip(worth, 1, total).astype(np.int64)


def _of_galleries(searches: DrawnSearches, rows: SearchedRows, grid: Indices, rate: Floats) -> tuple[Floats, Floats]:
    """The variance of one new gallery's rate, and of the mean of those measured, by the people who are enrolled.

    The hazard H = -log(1 - p) is a sum over rows, of which the nearest one answers p / H, and p moves by 1 - p of a
    change of H. The second number says how many people are behind the hits.
    """
    galleries, size = rows.enrolled.shape
    whose, number = np.unique(rows.enrolled, return_inverse=True)
    answered = _cumulated(np.searchsorted(whose, rows.nearest), len(whose), searches.bins, grid)
    asked = np.bincount(number.ravel()) * (len(searches.bins) / galleries)  # searches that each row could answer
    apart = np.square(answered - asked[:, None] * (rate / size)).sum(axis=0)
    of_a_row = np.maximum(apart - answered.sum(axis=0), 0) / np.square(asked).sum()
    below = np.clip(rate, 1e-9, _HIGHEST)
    moved = (1 - below) * -np.log1p(-below) / below
    return np.square(moved) * of_a_row * size * (1 + size / len(whose)), _people_behind(answered)


def _people_behind(hits: Floats) -> Floats:
    """From how many people the hits stem at each threshold, at least 1, as ``new_people.effective_people`` counts."""
    return np.asarray(
        np.maximum(np.square(hits.sum(axis=0)) / np.maximum(np.square(hits).sum(axis=0), 1), 1), np.float64
    )


def _cumulated(groups: Indices, count: int, bins: Indices, grid: Indices) -> Floats:
    """Searches of each group at or below each threshold, float64 ``(count, GRID_POINTS)``."""
    slots = np.searchsorted(grid, bins, "right")  # a bin is at or below its right edge, bin + 1
    counts = np.bincount(groups * (len(grid) + 1) + slots, minlength=count * (len(grid) + 1)).reshape(count, -1)
    return np.cumsum(counts[:, : len(grid)], axis=1).astype(np.float64)
