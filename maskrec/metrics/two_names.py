"""People whom an evaluation knows under two names: each of their comparisons would count as a false accept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import IMPOSTOR, ComparedImages, Indices, Progress, sorted_images, tiles
from maskrec.metrics.distance_counts import BIN_WIDTH, DistanceCounts, cumulative
from maskrec.metrics.enough_people import FEWEST_EVENTS

_MOST_NEAR = 100_000  # comparisons that are looked at; more only where a network tells nobody apart
_USUALLY = 0.9  # share of one person's comparisons; at the median more than half of LFW's people would be missed


@dataclass(frozen=True, slots=True)
class TwoNames:
    """Two people of whose comparisons at least half are as near as those of one person usually are.

    Args:
        first: number of the one, as the caller gave it.
        second: of the other.
        near: comparisons of the two at or below the distance that nine of ten comparisons of one person's images keep.
        comparisons: all comparisons of the two.
        distance: the smallest.
        images: the two images at that distance, as places in the caller's arrays; the first is of ``first``.
    """

    first: int
    second: int
    near: int
    comparisons: int
    distance: float
    images: tuple[int, int]


def people_under_two_names(
    embeddings: ArrayLike,
    people: ArrayLike,
    masked: ArrayLike,
    photos: ArrayLike,
    counts: DistanceCounts,
    progress: Progress | None = None,
) -> list[TwoNames]:
    """Pairs of people who look like one, the nearest first; to be looked at, since twins are listed too.

    Usual is the distance that nine of ten comparisons of one person's images are at or below. It is taken from the
    first condition with ten such comparisons, bare before masked, and only comparisons of that condition are looked at;
    without one nothing is found.

    Args:
        embeddings: as in ``count_distances``, and so are the next three.
        people: int ``(n,)``.
        masked: bool ``(n,)``.
        photos: int ``(n,)``.
        counts: of these images.
        progress: receives the comparisons that are done and all of them.

    Raises:
        ValueError: as in ``sorted_images``.
    """
    images = sorted_images(embeddings, people, masked, photos)
    condition = next((c for c, genuine in enumerate(counts.genuine) if genuine.sum() >= FEWEST_EVENTS), None)
    if condition is None:
        return []
    limit = _usual_distance(counts.genuine[condition], counts.impostor[condition])
    rows, columns, distances = _near(images, condition, limit, progress)
    return _by_pair(images, condition, rows, columns, distances)


def _usual_distance(genuine: Indices, impostor: Indices) -> float:
    """The edge that ``_USUALLY`` of the genuine distances keep, or one below it that few impostor distances reach."""
    usual = int(np.searchsorted(cumulative(genuine), _USUALLY * genuine.sum()))
    few = int(np.searchsorted(cumulative(impostor), _MOST_NEAR, "right")) - 1
    return min(usual, few) * BIN_WIDTH


def _near(
    images: ComparedImages, condition: int, limit: float, progress: Progress | None
) -> tuple[Indices, Indices, Floats]:
    """Comparisons of two people at or below a distance: places in ``images`` and distances, each ``(m,)``."""
    found: list[tuple[Indices, Indices, Floats]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for tile in tiles(images, progress, conditions=(condition,)):
        near = tile.distances <= limit
        if tile.kinds is not None:
            near &= tile.kinds == IMPOSTOR
        row, column = np.nonzero(near)
        found.append((row + tile.rows.start, column + tile.columns.start, tile.distances[row, column]))
    rows, columns, distances = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return rows, columns, distances


def _by_pair(
    images: ComparedImages, condition: int, rows: Indices, columns: Indices, distances: Floats
) -> list[TwoNames]:
    swapped = images.people[rows] > images.people[columns]
    left, right = np.where(swapped, columns, rows), np.where(swapped, rows, columns)
    keys = images.people[left] * len(images.names) + images.people[right]
    order = np.argsort(distances, kind="stable")  # so that the first of each pair is its nearest
    pairs, nearest, near = np.unique(keys[order], return_index=True, return_counts=True)
    first, second = np.divmod(pairs, len(images.names))
    every = _comparisons(images, condition, first, second)
    nearest = order[nearest]
    listed = np.flatnonzero(2 * near >= every)
    listed = listed[np.argsort(distances[nearest[listed]], kind="stable")]
    return [
        TwoNames(
            int(images.names[first[i]]),
            int(images.names[second[i]]),
            int(near[i]),
            int(every[i]),
            float(distances[nearest[i]]),
            (int(images.places[left[nearest[i]]]), int(images.places[right[nearest[i]]])),
        )
        for i in listed.tolist()
    ]


def _comparisons(images: ComparedImages, condition: int, first: Indices, second: Indices) -> NDArray[np.int64]:
    """How many comparisons of a condition there are between two people, ``(pairs,)``."""
    people = len(images.names)
    bare = np.bincount(images.people[: images.bare], minlength=people)
    masked = np.bincount(images.people[images.bare :], minlength=people)
    if CONDITIONS[condition] == "one_masked":
        return bare[first] * masked[second] + masked[first] * bare[second]
    worn = bare if CONDITIONS[condition] == "bare" else masked
    return worn[first] * worn[second]
