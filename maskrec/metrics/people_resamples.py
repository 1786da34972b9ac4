"""The spread of figures of pairs when people are drawn again.

A pair involves two people, so pairs that share a person are not independent. A resample weighs each person with an
independent Poisson number of mean 1 and a pair of persons i and j with ``w_i w_j`` (the product reweighting of Owen
and Eckles 2012, "Bootstrapping data arrays of arbitrary order"), a pair of one person with ``w_i``. The variance over
such resamples holds what pairs of shared people have in common once, as it should be, and the chance of each pair of
two people three times. So that chance is measured by itself, by weighing each two people's pairs with a Poisson number
of their own, and twice its variance is taken out: to first order what remains is the dyadic cluster-robust variance
(Aronow, Samii and Assenova 2015). It is never less than that of independent pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import factorial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices

DRAWS = 2000
_AT_ONCE = 1 << 22  # weights

Weights = NDArray[np.float32]
Chosen = NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class DrawnWeights:
    """Weights of pairs in some draws, and their sums, which many figures need.

    Args:
        rows: float32 ``(pairs, draws)``, whole numbers; sums of them are exact up to 2**24.
    """

    rows: Weights
    _totals: dict[bytes, Floats] = field(default_factory=dict)

    def total(self, chosen: Chosen) -> Floats:
        """The weight of some pairs in each draw, ``(draws,)``; ``chosen`` is bool ``(pairs,)``."""
        key = chosen.tobytes()
        if key not in self._totals:
            self._totals[key] = (chosen.astype(np.float32) @ self.rows).astype(np.float64)
        return self._totals[key]


Statistic = Callable[[DrawnWeights], Floats]
"""Weights to a figure of each draw ``(draws,)``; nan where the draw has no pairs to measure."""


@dataclass(frozen=True, slots=True, eq=False)
class PeopleOfPairs:
    """Who is on the pairs, by numbers.

    Args:
        one: int64 ``(n,)``.
        other: int64 ``(n,)``; of a pair of one person the same number.
    """

    one: Indices
    other: Indices

    def __len__(self) -> int:
        return len(self.one)

    @property
    def count(self) -> int:
        """How many people there are."""
        return len(np.unique(np.concatenate([self.one, self.other])))


@dataclass(frozen=True, slots=True)
class PeopleSpread:
    """A figure with its standard error over people.

    Args:
        value: as measured.
        error: standard error when people are drawn again.
        tested: the p-value of another test of the same difference; None where the error says it.
    """

    value: float
    error: float
    tested: float | None = None

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Ends of the interval, by the normal distribution."""
        half = NormalDist().inv_cdf((1 + confidence) / 2) * self.error
        return self.value - half, self.value + half

    def p_value(self) -> float:
        """Of the figure being 0 but for these people, two-sided."""
        if self.tested is not None:
            return self.tested
        if not self.error:
            return 0.0 if self.value else 1.0
        return 2 * NormalDist().cdf(-abs(self.value) / self.error)


def spread_of_mean(values: Floats, people: PeopleOfPairs) -> PeopleSpread:
    """The mean of a number a pair, with its dyadic cluster-robust standard error, which needs no resamples.

    It is what ``spread_over_people`` tends to as the draws get more.

    Args:
        values: float64 ``(n,)``.
        people: of the pairs.
    """
    mean = float(values.mean())
    return PeopleSpread(mean, SharedPeople(people).error((values - mean) / len(values)))


class SharedPeople:
    """Which pairs share people: for standard errors of sums over pairs.

    Args:
        people: of the pairs.
    """

    def __init__(self, people: PeopleOfPairs) -> None:
        numbers, both = np.unique(np.concatenate([people.one, people.other]), return_inverse=True)
        self._ends, self._people, self._two = both, len(numbers), people.one != people.other
        self._couples = _couples(both.reshape(2, -1)[:, self._two], len(numbers))

    def error(self, parts: Floats) -> float:
        """The dyadic cluster-robust standard error of the sum of ``parts``, ``(n,)``, which add up to 0."""
        twice = np.concatenate([parts, np.where(self._two, parts, 0.0)])
        of_people = np.bincount(self._ends, twice, self._people)
        of_couples = np.bincount(self._couples, parts[self._two])
        shared = float(np.sum(of_people**2)) - float(np.sum(of_couples**2))
        return float(np.sqrt(max(shared, float(np.sum(parts**2)))))


def spread_over_people(
    statistics: Sequence[Statistic], people: PeopleOfPairs, seed: int = 0, draws: int = DRAWS
) -> list[PeopleSpread]:
    """Each figure of the pairs, and its standard error; all from the same resamples.

    Args:
        statistics: what is measured of weighted pairs.
        people: of the pairs.
        seed: of the resamples.
        draws: how many, at least 2.
    """
    measured = [measure_once(each, len(people)) for each in statistics]
    shared, couples, alone = (
        _variances(statistics, weights(people, seed, draws)) for weights in (_of_people, _of_couples, _of_pairs)
    )
    variances = np.maximum(shared - 2 * couples, alone)
    return [PeopleSpread(value, float(np.sqrt(each))) for value, each in zip(measured, variances, strict=True)]


def measure_once(statistic: Statistic, pairs: int) -> float:
    """The figure of pairs that all weigh 1."""
    return float(statistic(DrawnWeights(np.ones((pairs, 1), np.float32)))[0])


def _variances(statistics: Sequence[Statistic], blocks: Iterator[Weights]) -> Floats:
    """The variance of each figure over the draws that measure it; 0 where fewer than two do."""
    parts = ([each(drawn) for each in statistics] for drawn in map(DrawnWeights, blocks))
    found: Floats = np.concatenate([np.stack(part) for part in parts], axis=1)
    measured = [row[np.isfinite(row)] for row in found]
    return np.array([np.var(row, ddof=1) if len(row) > 1 else 0.0 for row in measured])


def _blocks(rows: int, pairs: int, draws: int, seed: int, kind: int) -> Iterator[Weights]:
    """Poisson numbers ``(rows, some draws)``, so many that as many draws of the pairs' weights fit into memory."""
    generator, step = np.random.default_rng([seed, kind]), max(1, _AT_ONCE // max(1, pairs))
    table = _poisson_table()
    for start in range(0, draws, step):
        yield table[generator.integers(0, len(table), (rows, min(step, draws - start)), np.uint16)]


@cache
def _poisson_table() -> Weights:
    """Poisson numbers of mean 1 in 2**16 equal steps of probability, so that a draw is one look-up."""
    steps = (np.arange(1 << 16) + 0.5) / (1 << 16)
    below = np.cumsum([np.exp(-1.0) / factorial(number) for number in range(12)])
    return np.searchsorted(below, steps).astype(np.float32)


def _of_people(people: PeopleOfPairs, seed: int, draws: int) -> Iterator[Weights]:
    numbers, both = np.unique(np.concatenate([people.one, people.other]), return_inverse=True)
    one, other = both[: len(people)], both[len(people) :]
    for weights in _blocks(len(numbers), len(people), draws, seed, 0):
        yield np.where((one == other)[:, None], weights[one], weights[one] * weights[other])


def _of_couples(people: PeopleOfPairs, seed: int, draws: int) -> Iterator[Weights]:
    """Pairs of the same two people weigh alike; pairs of one person weigh 1."""
    numbers, both = np.unique(np.concatenate([people.one, people.other]), return_inverse=True)
    couples = _couples(both.reshape(2, -1), len(numbers))
    single = (people.one == people.other)[:, None]
    for weights in _blocks(int(couples.max()) + 1, len(people), draws, seed, 1):
        yield np.where(single, np.float32(1), weights[couples])


def _couples(ends: Indices, people: int) -> Indices:
    """Which two people each pair shows, numbered from 0; ``ends`` is ``(2, n)``, from 0 to ``people - 1``."""
    found: Indices = np.unique(ends.min(axis=0) * people + ends.max(axis=0), return_inverse=True)[1]
    return found


def _of_pairs(people: PeopleOfPairs, seed: int, draws: int) -> Iterator[Weights]:
    yield from _blocks(len(people), len(people), draws, seed, 2)
