"""Searches in a gallery: at which rank a person is found (CMC), and how often a stranger is taken for somebody (DET).

Terms of ISO/IEC 19795-1: a mated search is one for a person who is enrolled. Each probe is searched for in the gallery
without its own person too, as a stranger; a person counts as near as their nearest enrolled image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.metrics.accuracy import between
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices
from maskrec.metrics.distances import normalise
from maskrec.metrics.nearest_impostors import accepted_at_most

_AT_ONCE = 512  # probes: with 10,000 enrolled images a block of products is 40 MB
_EQUAL = 1e-12  # of products: two sums of the same numbers in another order


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """What each probe finds. Distances are squared L2 between unit embeddings.

    Args:
        people: int64 ``(p,)``, who each probe shows.
        mate: float64 ``(p,)``, to the probe's own person; inf where that person is not enrolled.
        rank: int64 ``(p,)``, the place of the own person, 1 for the nearest; those as near count as nearer. 0 where
            that person is not enrolled.
        other: float64 ``(p,)``, to the nearest other person.
        found: int64 ``(p,)``, who that is.
        enrolled: people in the gallery.
    """

    people: Indices
    mate: Floats
    rank: Indices
    other: Floats
    found: Indices
    enrolled: int

    @property
    def mated(self) -> NDArray[np.bool_]:
        """Which probes' people are enrolled, ``(p,)``."""
        return self.rank > 0

    def hits_within(self, rank: int) -> NDArray[np.bool_]:
        """Which searches find the own person among the ``rank`` nearest, ``(p,)``."""
        return self.mated & (self.rank <= rank)

    def identified(self, threshold: float) -> NDArray[np.bool_]:
        """Which searches find the own person first and at or below a squared distance, ``(p,)``."""
        return self.hits_within(1) & (self.mate <= threshold)

    def threshold_at(self, fpir: float) -> float | None:
        """The largest threshold at which the share of strangers who find anybody is not above ``fpir``.

        It lies midway to the nearest person of the next stranger; None where even one stranger is too many and all are
        as near, or none was searched for.
        """
        rising = np.sort(self.other)
        if not len(rising):
            return None
        accepted = accepted_at_most(rising, fpir, len(rising))
        return between(float(rising[accepted - 1]), float(rising[accepted])) if accepted else None


def search_all(
    gallery: ArrayLike, gallery_people: Indices, probes: ArrayLike, probe_people: Indices, at_once: int = _AT_ONCE
) -> Searches:
    """Search for every probe in the whole gallery, in float64.

    Args:
        gallery: embeddings ``(g, d)``, of any length but zero.
        gallery_people: int64 ``(g,)``; at least two people.
        probes: embeddings ``(p, d)``.
        probe_people: int64 ``(p,)``, in the same numbers.
        at_once: probes; the result does not depend on it.

    Raises:
        ValueError: numbers that are not finite, a vector of zeros, or fewer than two people in the gallery.
    """
    people = _GalleryPeople.of(gallery, gallery_people)
    unit = _unit(probes, probe_people)
    mate, other = np.full(len(unit), -np.inf), np.empty(len(unit))
    rank, found = np.zeros(len(unit), np.int64), np.empty(len(unit), np.int64)
    for part, nearest in people.nearest(unit, at_once):
        at, column = people.own(probe_people[part])
        mine = nearest[at, column]
        nearest[at, column] = -np.inf
        mate[part][at] = mine
        rank[part][at] = 1 + np.count_nonzero(nearest[at] >= mine[:, None] - _EQUAL, axis=1)
        best = nearest.argmax(axis=1)
        found[part], other[part] = people.names[best], nearest[np.arange(len(best)), best]
    return Searches(probe_people, _squared(mate), rank, _squared(other), found, len(people.names))


def others_within(
    gallery: ArrayLike,
    gallery_people: Indices,
    probes: ArrayLike,
    probe_people: Indices,
    threshold: float,
    at_once: int = _AT_ONCE,
) -> tuple[Indices, Indices]:
    """Everybody else whom a search finds at or below a squared distance: who was searched for, and who that is.

    Args and errors as in ``search_all``.
    """
    people = _GalleryPeople.of(gallery, gallery_people)
    asked, seen = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part, nearest in people.nearest(_unit(probes, probe_people), at_once):
        nearest[people.own(probe_people[part])] = -np.inf
        probe, column = np.nonzero(_squared(nearest) <= threshold)
        asked.append(probe_people[part][probe])
        seen.append(people.names[column])
    return np.concatenate(asked), np.concatenate(seen)


@dataclass(frozen=True, slots=True, eq=False)
class _GalleryPeople:
    """A gallery by person: unit rows ``(g, d)`` in the order of ``names``, and where each person's begin."""

    rows: Floats
    names: Indices
    starts: Indices

    @classmethod
    def of(cls, gallery: ArrayLike, people: Indices) -> _GalleryPeople:
        order = np.argsort(people, kind="stable")
        names, starts = np.unique(people[order], return_index=True)
        if len(names) < 2:
            raise ValueError(f"a search needs a gallery of at least two people, not {len(names)}")
        return cls(normalise(gallery)[order], names, starts)

    def nearest(self, probes: Floats, at_once: int) -> Iterator[tuple[slice, Floats]]:
        """Some probes at a time, and the largest product of each with each person's images, ``(probes, people)``."""
        for start in range(0, len(probes), at_once):
            part = slice(start, start + at_once)
            yield part, np.maximum.reduceat(probes[part] @ self.rows.T, self.starts, axis=1)

    def own(self, people: Indices) -> tuple[Indices, Indices]:
        """Which of these people are enrolled, and as which of ``names``."""
        place = np.searchsorted(self.names, people).clip(max=len(self.names) - 1)
        at = np.flatnonzero(self.names[place] == people)
        return at, place[at]


def _unit(probes: ArrayLike, people: Indices) -> Floats:
    return normalise(probes) if len(people) else np.empty((0, 1))


def _squared(products: Floats) -> Floats:
    """Squared distances of unit vectors from their products; inf from -inf."""
    return np.maximum(2 - 2 * products, 0.0)
