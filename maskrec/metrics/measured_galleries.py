"""What galleries drawn from the people of an evaluation say: FPIR and FNIR at any threshold, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.comparison_tiles import Progress
from maskrec.metrics.distance_counts import BIN_WIDTH, BINS
from maskrec.metrics.enough_people import FEWEST_PEOPLE, NotEnoughPeopleError, worded
from maskrec.metrics.gallery_counts import DRAWS, MATES, STRANGERS, GalleryCounts, count_galleries
from maskrec.metrics.intervals import wilson

_HIGHEST = 1 - 1e-15  # rate, of which the logarithm is taken


@dataclass(frozen=True, slots=True, repr=False)
class _MeasuredRate:
    rate: float
    low: float
    high: float
    people: int
    draws: int

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_worded(self.rate, self.low, self.high, self.people, self.draws)})"


@dataclass(frozen=True, slots=True, repr=False)
class MeasuredFpir(_MeasuredRate):
    """The share of strangers' searches that find somebody, as measured on galleries that were drawn.

    Args:
        rate: the mean over the galleries, in [0, 1].
        low: lower end of the 95 % interval of the rate of one gallery of as many new people, searched by new strangers.
        high: upper end.
        people: whom the galleries and their strangers were drawn from.
        draws: galleries of each size.
    """


@dataclass(frozen=True, slots=True, repr=False)
class MeasuredFnir(_MeasuredRate):
    """The share of enrolled people's searches whose own row is not the nearest, or lies beyond the threshold.

    Args:
        rate: the mean over the galleries, in [0, 1].
        low: lower end of the 95 % interval of the mean over many galleries of new people.
        high: upper end.
        people: whom the galleries were drawn from, those with one photo among them.
        draws: galleries of each size.
    """


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeasuredGalleries:
    """FPIR and FNIR of galleries of one row a person, for the sizes that were measured and those between them.

    In ``bare`` rows and probes are bare, in ``one_masked`` rows are bare and probes masked, in ``both_masked`` both are
    masked. Between two sizes -log(1 - rate) is interpolated, which is linear in the size where comparisons are
    independent.

    Args:
        counts: of the searches.
    """

    counts: GalleryCounts

    def __repr__(self) -> str:
        conditions = ", ".join(worded(each) for each in CONDITIONS if self.sizes(each)) or "nothing"
        return f"MeasuredGalleries({conditions}; {counted(self.counts.draws, 'gallery')} of each size)"

    def sizes(self, condition: str) -> list[int]:
        """The gallery sizes that were measured, in rows; empty for a condition that was not.

        Raises:
            ValueError: an unknown condition.
        """
        measured = self.counts.nearest[_number(condition)].any(axis=1)
        return [int(size) for size in self.counts.sizes[measured]]

    def fpir(self, condition: str, threshold: float, size: int) -> MeasuredFpir:
        """The false positive identification rate at a threshold; between two edges of bins, that of the lower one.

        Args:
            condition: of row and probe.
            threshold: L2 between unit embeddings.
            size: rows of the gallery; a person's further rows are so like the first that they count too often.

        Raises:
            NotEnoughPeopleError: no gallery so large was measured; says how many people that takes.
            ValueError: an unknown condition, one that was not measured, no rows, or a threshold that is not a number.
        """
        number = _number(condition)
        measured = self.sizes(condition)
        self._require(condition, measured, size)
        every = [_interval(self.counts, STRANGERS, number, place, threshold) for place in range(len(measured))]
        people = int(self.counts.people[number])
        return MeasuredFpir(*_between(measured, every, size), people, self.counts.draws)

    def fnir(self, condition: str, threshold: float, size: int) -> MeasuredFnir | None:
        """The false negative identification rate at rank 1 and a threshold; None where nobody has a second photo.

        Args and errors: as in ``fpir``.
        """
        number = _number(condition)
        measured = self.sizes(condition)
        self._require(condition, measured, size)
        if not self.counts.own[number, : len(measured)].any(axis=1).all():
            return None
        every = [_interval(self.counts, MATES, number, place, threshold) for place in range(len(measured))]
        missed = [(1 - rate, 1 - high, 1 - low) for rate, low, high in every]
        people = int(self.counts.people[number])
        return MeasuredFnir(*_between(measured, missed, size), people, self.counts.draws)

    def _require(self, condition: str, measured: Sequence[int], size: int) -> None:
        if size < 1:
            raise ValueError(f"a gallery has at least one row, not {size}")
        if not measured:
            raise ValueError(
                f"no galleries of {worded(condition)} images were searched, so their FPIR is not measured; evaluate "
                f"at least {FEWEST_PEOPLE} people"
            )
        if size > measured[-1]:
            raise NotEnoughPeopleError(
                f"the FPIR of {worded(condition)} images was measured for galleries of 1 to "
                f"{counted(measured[-1], 'row')}, not of {size:,}; evaluate at least {2 * size:,} people",
                2 * size,
            )


def measure_galleries(
    embeddings: ArrayLike,
    people: ArrayLike,
    masked: ArrayLike,
    photos: ArrayLike,
    seed: int = 0,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> MeasuredGalleries:
    """Draw galleries from the people of an evaluation and search in them; parameters as in ``count_galleries``."""
    return MeasuredGalleries(count_galleries(embeddings, people, masked, photos, seed, draws, progress))


def _number(condition: str) -> int:
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}; use {', '.join(CONDITIONS)}")
    return CONDITIONS.index(condition)


def _interval(
    counts: GalleryCounts, kind: int, condition: int, place: int, threshold: float
) -> tuple[float, float, float]:
    """The share of searches that are answered at a threshold, and its interval."""
    if math.isnan(threshold):
        raise ValueError("the threshold is not a number")
    answered, every = (counts.nearest, counts.nearest) if kind == STRANGERS else (counts.first, counts.own)
    edge = int(min(max(threshold / BIN_WIDTH, 0), BINS))
    hits, searches = int(answered[condition, place, :edge].sum()), int(every[condition, place].sum())
    at = kind, condition, place
    worth = float(np.interp(edge, counts.grid[at], counts.effective[at]))
    low, high = wilson(hits / searches * worth, worth)
    return hits / searches, low, high


def _between(
    sizes: Sequence[int], every: Sequence[tuple[float, float, float]], size: int
) -> tuple[float, float, float]:
    """Rate, low and high for a size, from those of the sizes measured."""
    if size in sizes:
        return every[list(sizes).index(size)]
    hazards = -np.log1p(-np.minimum(every, _HIGHEST))
    rate, low, high = (-math.expm1(-float(np.interp(size, sizes, column))) for column in hazards.T)
    return rate, low, high


def _worded(rate: float, low: float, high: float, people: int, draws: int) -> str:
    return f"{rate:.2g}, {low:.2g} to {high:.2g}; {counted(people, 'person')}, {counted(draws, 'gallery')} of each size"
