"""The nearest row of galleries that hold each other, block by block: no matrix of all distances is ever held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import TILE_SIDE, Indices


class NearestRows(NamedTuple):
    """The nearest row of each probe in galleries of each size.

    Args:
        cosines: float64 ``(sizes, probes)``; -inf where no row counts.
        rows: int64 ``(sizes, probes)``, which row; the first of those equally near, 0 where none counts.
    """

    cosines: Floats
    rows: Indices


def nearest_rows(
    probes: Floats, rows: Floats, sizes: Sequence[int], own: bool = False, side: int = TILE_SIDE
) -> NearestRows:
    """Search galleries that hold each other.

    Args:
        probes: float64 ``(m, d)`` of unit length.
        rows: float64 ``(n, d)`` of unit length.
        sizes: rising, the largest at most n; the first rows are the gallery of each size.
        own: whether row i is of the same person as probe i, and is left out.
        side: probes and rows of a block; the result does not depend on it.
    """
    found = NearestRows(np.full((len(sizes), len(probes)), -np.inf), np.zeros((len(sizes), len(probes)), np.int64))
    for block in _cut(0, len(probes), side):
        nearest, which = np.full(block.stop - block.start, -np.inf), np.zeros(block.stop - block.start, np.int64)
        lines = np.arange(block.stop - block.start)
        start = 0
        for number, size in enumerate(sizes):
            for columns in _cut(start, size, side):
                cosines = probes[block] @ rows[columns].T
                if own:
                    places = np.arange(max(block.start, columns.start), min(block.stop, columns.stop))
                    cosines[places - block.start, places - columns.start] = -np.inf
                place = cosines.argmax(axis=1)
                highest = cosines[lines, place]
                which = np.where(highest > nearest, place + columns.start, which)
                nearest = np.maximum(nearest, highest)
            found.cosines[number, block], found.rows[number, block] = nearest, which
            start = size
    return found


def distances_of(cosines: Floats) -> Floats:
    """L2 between unit embeddings of these cosines, as ``comparison_tiles`` computes it; -inf gives inf."""
    distances: Floats = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    return distances


def _cut(start: int, stop: int, side: int) -> Iterator[slice]:
    for at in range(start, stop, side):
        yield slice(at, min(at + side, stop))
