"""How many comparisons of how many people lie at or below a distance: what error rates for new people stand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import (
    GENUINE,
    IMPOSTOR,
    TILE_SIDE,
    ComparedImages,
    Indices,
    Progress,
    sorted_images,
    tiles,
)
from maskrec.metrics.enough_people import FEWEST_EVENTS

BINS = 4096
"""Bins of a histogram over [0, 2]; each holds its right edge, so that a count up to an edge is that of a decision."""
BIN_WIDTH = 2.0 / BINS
GRID = 200
"""Thresholds per condition at which each person's false accepts are counted."""
MOST_PEOPLE = 50_000  # their counts take 240 MB

_HIGHEST_FAR = 0.5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DistanceCounts:
    """Counts per condition, in the order of ``CONDITIONS``. A condition that was not measured has zeros.

    Args:
        genuine: int64 ``(3, BINS)``, comparisons of two images of one person, by distance.
        impostor: int64 ``(3, BINS)``, of two people.
        grid: int64 ``(3, GRID)``, not falling: thresholds as a number of bins; ``grid * BIN_WIDTH`` is the distance.
        false: int64 ``(3, people, GRID)``, comparisons of each person with others at or below each threshold.
        comparisons: int64 ``(3, people)``, all comparisons of each person with others.
    """

    genuine: Indices
    impostor: Indices
    grid: Indices
    false: Indices
    comparisons: Indices

    def __repr__(self) -> str:
        sums = [f"{int(each.sum()):,}" for each in (self.genuine, self.impostor)]
        people = counted(self.comparisons.shape[1], "person")
        return f"DistanceCounts({people}; {sums[0]} genuine and {sums[1]} impostor comparisons)"


def count_distances(
    embeddings: ArrayLike,
    people: ArrayLike,
    masked: ArrayLike,
    photos: ArrayLike,
    progress: Progress | None = None,
    side: int = TILE_SIDE,
) -> DistanceCounts:
    """Count all comparisons of images but those of one photo with itself, each once.

    Two passes: the histograms, from which the grid is placed evenly in log FAR from ten false accepts to a FAR of 0.5,
    then each person's counts on it. The people are in no order that says who they are.

    Args:
        embeddings: ``(n, d)``.
        people: int ``(n,)``, who each image shows; at most ``MOST_PEOPLE``.
        masked: bool ``(n,)``; a comparison's condition is the number of masked faces in it.
        photos: int ``(n,)``; a photo with and without a mask has one number, and is not compared with itself.
        progress: receives the comparisons that are done and all of them, of both passes.
        side: images along a tile; the result does not depend on it.

    Raises:
        ValueError: as in ``sorted_images``; more than ``MOST_PEOPLE`` people.
    """
    images = sorted_images(embeddings, people, masked, photos)
    if len(images.names) > MOST_PEOPLE:
        raise ValueError(
            f"the comparisons of at most {MOST_PEOPLE:,} people can be counted, not of {len(images.names):,}; use some "
            "of them"
        )
    genuine, impostor = _histograms(images, _half(progress, 0), side)
    grid = np.stack([_grid(histogram) for histogram in impostor])
    false, comparisons = _by_person(images, grid, _half(progress, 1), side)
    order = np.lexsort(comparisons)
    return DistanceCounts(genuine, impostor, grid, np.take(false, order, axis=1), np.take(comparisons, order, axis=1))


def bin_numbers(distances: Floats) -> Indices:
    """The bin that each distance is in, int64 of the same shape."""
    scaled = distances * (1 / BIN_WIDTH)
    np.ceil(scaled, out=scaled)
    scaled -= 1
    return np.clip(scaled, 0, BINS - 1, out=scaled).astype(np.int64)


def cumulative(histogram: Indices) -> Indices:
    """Counts at or below each edge, ``(BINS + 1,)``; the first edge is 0."""
    return np.concatenate([[0], np.cumsum(histogram)])


def _half(progress: Progress | None, number: int) -> Progress | None:
    """The progress of one of two passes, as that of both."""
    return None if progress is None else lambda done, every: progress(done + number * every, 2 * every)


def _histograms(images: ComparedImages, progress: Progress | None, side: int) -> tuple[Indices, Indices]:
    counts = np.zeros((2, len(CONDITIONS), BINS), dtype=np.int64)
    for tile in tiles(images, progress, side=side):
        for kind in (IMPOSTOR, GENUINE):
            counts[kind, tile.condition] += np.bincount(bin_numbers(tile.of_kind(kind)), minlength=BINS)
    return counts[GENUINE], counts[IMPOSTOR]


def _grid(impostor: Indices) -> Indices:
    below = cumulative(impostor)
    every = int(below[-1])
    if every == 0:
        return np.zeros(GRID, dtype=np.int64)
    events = np.geomspace(min(FEWEST_EVENTS, _HIGHEST_FAR * every), _HIGHEST_FAR * every, GRID)
    # Where both ends are one number, rounding in geomspace makes some events in between smaller than the first.
    return np.maximum.accumulate(np.searchsorted(below, events, "right") - 1)


def _by_person(images: ComparedImages, grid: Indices, progress: Progress | None, side: int) -> tuple[Indices, Indices]:
    """False accepts at each threshold and all comparisons, per condition and person."""
    people = len(images.names)
    false = np.zeros((len(CONDITIONS), people, GRID), dtype=np.int64)
    comparisons = np.zeros((len(CONDITIONS), people), dtype=np.int64)
    # The first threshold of the grid at which a comparison in a bin is accepted; GRID where at none.
    first = np.stack([np.searchsorted(thresholds, np.arange(BINS), "right") for thresholds in grid])
    for tile in tiles(images, progress, side=side):
        slots = first[tile.condition][bin_numbers(tile.distances)]
        if tile.kinds is not None:
            slots[tile.kinds != IMPOSTOR] = GRID + 1
        for axis, places in enumerate((tile.rows, tile.columns)):
            who, counts = _counts_of(images.people[places], slots, axis)
            false[tile.condition, who] += counts[:, :GRID]
            comparisons[tile.condition, who] += counts[:, : GRID + 1].sum(axis=1)
    np.cumsum(false, axis=2, out=false)
    return false, comparisons


def _counts_of(people: Indices, slots: Indices, axis: int) -> tuple[Indices, Indices]:
    """The people of one side of a tile, ``(p,)``, and their comparisons in each slot, ``(p, GRID + 2)``."""
    who, number = np.unique(people, return_inverse=True)
    keys = np.expand_dims(number * (GRID + 2), 1 - axis) + slots
    counts = np.bincount(keys.ravel(), minlength=len(who) * (GRID + 2))
    return who, counts.reshape(len(who), GRID + 2)
