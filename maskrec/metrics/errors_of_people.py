"""False accepts and misses by person, so that any people can be looked at apart from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.all_comparisons import AllComparisons
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices
from maskrec.metrics.group_rates import PersonErrors
from maskrec.metrics.nearest_impostors import people_counts
from maskrec.metrics.searches import Searches

Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ErrorsOfPeople:
    """Errors at one threshold that was chosen for everybody. People are numbered from 0.

    Two people i and j are compared ``left[i] * right[j] + right[i] * left[j]`` times.

    Args:
        name: of what was compared and at which rate, in a few words.
        names: of the people.
        one: int64 ``(m,)``, who is on the one side of each false accept.
        other: int64 ``(m,)``, who is on the other; never the same person.
        left: float64 ``(people,)``, images of each person on the one side.
        right: float64 ``(people,)``, on the other; half of them where both sides are the same images.
        hits: int64 ``(people,)``, how often each person is rightly recognised.
        mated: int64 ``(people,)``, of how many times.
    """

    name: str
    names: tuple[str, ...]
    one: Indices
    other: Indices
    left: Floats
    right: Floats
    hits: Indices
    mated: Indices

    @property
    def rate(self) -> float:
        """The false accept rate of all people; 0 without comparisons."""
        every = self.among(np.ones(len(self.names), np.bool_))
        return every.rate

    def among(self, chosen: Chosen) -> PersonErrors:
        """False accepts of people with each other and nobody else; ``chosen`` is bool ``(people,)``."""
        within = chosen[self.one] & chosen[self.other]
        people = len(chosen)
        false = np.bincount(self.one[within], minlength=people) + np.bincount(self.other[within], minlength=people)
        return PersonErrors(false[chosen], self._comparisons(chosen)[chosen])

    def involving(self, chosen: Chosen) -> tuple[int, int]:
        """False accepts of people with everybody, and of how many comparisons; ``chosen`` is bool ``(people,)``."""
        within = float(self._comparisons(chosen)[chosen].sum()) / 2
        every = float(self._comparisons(np.ones(len(chosen), np.bool_))[chosen].sum())
        return int(np.count_nonzero(chosen[self.one] | chosen[self.other])), round(every - within)

    def _comparisons(self, chosen: Chosen) -> Floats:
        """Comparisons of each person with the chosen others, ``(people,)``."""
        left, right = np.where(chosen, self.left, 0.0), np.where(chosen, self.right, 0.0)
        found: Floats = self.left * (right.sum() - right) + self.right * (left.sum() - left)
        return found


def comparison_errors(name: str, names: tuple[str, ...], compared: AllComparisons, threshold: float) -> ErrorsOfPeople:
    """Errors of comparisons of two images.

    Args:
        name: as in ``ErrorsOfPeople``.
        names: by the number of each person; every one of them has an image.
        compared: all comparisons; of two people, the nearest up to the threshold at least.
        threshold: on squared distances.
    """
    images, nearest = compared.images, compared.nearest
    count = int(np.searchsorted(nearest.squared, threshold, "right"))
    bare, masked = people_counts(images)
    left, right = ((bare, bare / 2), (bare, masked), (masked, masked / 2))[compared.condition]
    hits, mated = compared.genuine_of_people(compared.squared <= threshold)
    one, other = images.people[nearest.rows[:count]], images.people[nearest.columns[:count]]
    return ErrorsOfPeople(name, names, one, other, left.astype(np.float64), right.astype(np.float64), hits, mated)


def search_errors(
    name: str,
    names: tuple[str, ...],
    searches: Searches,
    enrolled: Indices,
    false: tuple[Indices, Indices],
    threshold: float,
) -> ErrorsOfPeople:
    """Errors of searches: a comparison is one of a probe with an enrolled person, by their nearest image.

    Args:
        name: as in ``ErrorsOfPeople``.
        names: by the number of each person.
        searches: of all probes in the whole gallery.
        enrolled: int64, the person of each enrolled image.
        false: of each other person whom a search finds at or below the threshold, who was searched for and who it is.
        threshold: on squared distances.
    """
    people = len(names)
    there = (np.bincount(enrolled, minlength=people) > 0).astype(np.float64)
    probes = np.bincount(searches.people, minlength=people).astype(np.float64)
    hits = np.bincount(searches.people[searches.identified(threshold)], minlength=people)
    mated = np.bincount(searches.people[searches.mated], minlength=people)
    return ErrorsOfPeople(name, names, *false, probes, there, hits, mated)
