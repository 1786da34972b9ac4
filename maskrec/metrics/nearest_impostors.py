"""The nearest comparisons of two people out of all, exactly, without holding or sorting all distances.

Products are taken in float32, which is twice as fast as float64, and are off by at most (d + 2) 2^-24 (Higham 2002,
section 3.1). What may belong to the nearest within this error is measured again in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import (
    IMPOSTOR,
    TILE_SIDE,
    ComparedImages,
    Indices,
    tile_kinds,
    tile_places,
)
from maskrec.metrics.distances import pair_distances

_HELD = 200_000  # candidates beyond four times those that are needed; fewer are sorted out more often


@dataclass(frozen=True, slots=True, eq=False)
class NearestImpostors:
    """Comparisons of two people, the nearest first.

    Args:
        rows: int64 ``(m,)``, places in ``ComparedImages`` of the one side (of bare images where conditions differ).
        columns: int64 ``(m,)``, of the other.
        squared: float64 ``(m,)``, squared L2 distances, rising.
        comparisons: of two people in this condition, the rest of which is farther.
    """

    rows: Indices
    columns: Indices
    squared: Floats
    comparisons: int

    def accepted(self, rate: float) -> int:
        """How many are at or below the largest distance whose FAR is not above ``rate``; equal ones go together."""
        return accepted_at_most(self.squared, rate, self.comparisons)


def accepted_at_most(rising: Floats, rate: float, every: int) -> int:
    """How many of the smallest distances of ``every`` comparisons can be accepted so that no more than ``rate`` are.

    Args:
        rising: the smallest ones, float64 ``(m,)``, more than ``rate * every`` of them.
        rate: in (0, 1).
        every: how many comparisons there are.
    """
    return int(np.searchsorted(rising, rising[allowed(rate, every)], "left")) if len(rising) else 0


def allowed(rate: float, every: int) -> int:
    """The largest number of comparisons whose share of ``every`` is not above ``rate``."""
    most = int(rate * every) + 1 if every else 0
    while most and most / every > rate:  # as the ROC curve compares them
        most -= 1
    return most


def impostor_comparisons(images: ComparedImages, condition: int) -> int:
    """How many comparisons of two people there are in a condition."""
    bare, masked = people_counts(images)
    if condition == 1:
        return int(bare.sum() * masked.sum() - np.sum(bare * masked))
    worn = (bare, bare, masked)[condition]
    return int(worn.sum() ** 2 - np.sum(worn * worn)) // 2


def people_counts(images: ComparedImages) -> tuple[Indices, Indices]:
    """How many bare and how many masked images there are of each person, each int64 ``(people,)``."""
    people = len(images.names)
    bare = np.bincount(images.people[: images.bare], minlength=people)
    return bare, np.bincount(images.people[images.bare :], minlength=people)


def nearest_impostors(images: ComparedImages, condition: int, count: int, side: int = TILE_SIDE) -> NearestImpostors:
    """The ``count`` nearest comparisons of two people and the next one; which of equally far ones is not defined.

    Args:
        images: what is compared.
        condition: index into ``CONDITIONS``.
        count: at least 0.
        side: images along a tile; the result does not depend on it.
    """
    candidates = _Candidates(count + 1, images.rows)
    rows32 = images.rows.astype(np.float32)
    for rows, columns in tile_places(images, condition, side):
        products = rows32[rows] @ rows32[columns].T
        kinds = tile_kinds(images, rows, columns)
        if kinds is not None:
            products[kinds != IMPOSTOR] = np.nan  # which no comparison takes
        candidates.take(products, rows.start, columns.start)
    rows_found, columns_found = candidates.places()
    squared = pair_distances(images.rows, rows_found, columns_found, "squared_l2", normalize=False)
    order = np.argsort(squared, kind="stable")[: count + 1]
    every = impostor_comparisons(images, condition)
    return NearestImpostors(rows_found[order], columns_found[order], squared[order], every)


@dataclass(slots=True)
class _Candidates:
    """Comparisons that may be among the ``needed`` nearest of the vectors ``unit``."""

    needed: int
    unit: Floats
    _cut: float = -np.inf
    _products: list[NDArray[np.float32]] = field(default_factory=list)
    _rows: list[Indices] = field(default_factory=list)
    _columns: list[Indices] = field(default_factory=list)
    _held: int = 0

    def take(self, products: NDArray[np.float32], row: int, column: int) -> None:
        """Keep what a tile has above the cut; the tile begins at ``row`` and ``column``."""
        found = np.flatnonzero(products >= np.float32(self._cut))
        rows, columns = np.divmod(found, products.shape[1])
        self._products.append(products.ravel()[found])
        self._rows.append(rows + row)
        self._columns.append(columns + column)
        self._held += len(found)
        if self._held > self._most:
            self._shrink()

    @property
    def _most(self) -> int:
        return 4 * self.needed + _HELD

    def places(self) -> tuple[Indices, Indices]:
        """Rows and columns of those that remain."""
        self._shrink()
        return self._rows[0], self._columns[0]

    def _shrink(self) -> None:
        empty = np.empty(0, np.int64)
        products = np.concatenate([np.empty(0, np.float32), *self._products])
        rows, columns = np.concatenate([empty, *self._rows]), np.concatenate([empty, *self._columns])
        if len(products) > self.needed:
            last = float(np.partition(products, len(products) - self.needed)[len(products) - self.needed])
            # Both the product at the cut and one below it may be off; rounding the cut itself must not raise it.
            self._cut = last - 2 * (self.unit.shape[1] + 3) * 2.0**-24
            kept = np.flatnonzero(products >= np.float32(self._cut))
            if len(kept) > self._most:  # a network that tells nobody apart
                squared = pair_distances(self.unit, rows[kept], columns[kept], "squared_l2", normalize=False)
                kept = kept[np.argpartition(squared, self.needed - 1)[: self.needed]]
            products, rows, columns = products[kept], rows[kept], columns[kept]
        self._products, self._rows, self._columns, self._held = [products], [rows], [columns], len(products)
