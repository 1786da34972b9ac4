"""A figure of two systems, their difference, and whether it is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.arrays import Floats
from maskrec.metrics.paired_decisions import POWER, Discordant, discordant, smallest_found
from maskrec.metrics.paired_figures import tar_difference, weighted_tar
from maskrec.metrics.people_resamples import (
    PeopleOfPairs,
    PeopleSpread,
    measure_once,
    spread_of_mean,
    spread_over_people,
)
from maskrec.metrics.seed_differences import SeedDifference, seed_difference
from maskrec.metrics.swapped_answers import tar_spread

Decisions = Sequence[NDArray[np.bool_]]
"""Of each model of a system, whether it decides each pair rightly."""


@dataclass(frozen=True, slots=True)
class SystemDifference:
    """A figure of two systems on the same pairs.

    Args:
        first: of each model of the first system.
        second: likewise, of the second.
        people: the difference of their means, with its spread over people.
        pairs: how many pairs the figure is a share of.
        decisions: how two single models decide; None for other figures, and where systems have several models.
        seeds: over the models, where both systems have at least two.
        widened: how much larger the variance over people is than that of independent pairs.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    people: PeopleSpread
    pairs: int
    decisions: Discordant | None = None
    seeds: SeedDifference | None = None
    widened: float = 1.0

    @property
    def value(self) -> float:
        """Mean of the second system less that of the first."""
        return fmean(self.second) - fmean(self.first)

    @property
    def comparable(self) -> bool:
        """Whether both systems have one model, or both have several: one alone does not say how seeds differ."""
        return (len(self.first) > 1) == (len(self.second) > 1)

    def interval(self) -> tuple[float, float]:
        """95 %: over models where there are several, else over people; within [-1, 1]."""
        low, high = (self.people if self.seeds is None else self.seeds).interval()
        return max(-1.0, low), min(1.0, high)

    def p_value(self) -> float:
        """The largest of the tests that apply: each of them must agree that the systems differ."""
        found = [self.people.p_value()]
        found += [] if self.decisions is None else [self.decisions.p_value()]
        found += [] if self.seeds is None else [self.seeds.p_value()]
        return max(found)

    def smallest_found(self, alpha: float) -> float:
        """The smallest difference that is found with 80 % power at the level ``alpha``."""
        if self.decisions is not None:
            return smallest_found(self.decisions.share, self.pairs, alpha, self.widened)
        normal = NormalDist()
        beyond = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(POWER)
        at_least = max(beyond * self.people.error, beyond**2 / self.pairs)
        return min(1.0, max(at_least, 0.0 if self.seeds is None else self.seeds.smallest_found(alpha)))


def compare_accuracy(first: Decisions, second: Decisions, people: PeopleOfPairs) -> SystemDifference:
    """Accuracy of two systems: McNemar's test of single models, Welch's of several, and the spread over people.

    Args:
        first: of the first system's models, bool ``(n,)``.
        second: likewise.
        people: of the pairs.
    """
    apart: Floats = np.mean(np.stack(second), axis=0) - np.mean(np.stack(first), axis=0)
    spread, alone = spread_of_mean(apart, people), float(np.sum((apart - apart.mean()) ** 2)) / len(apart) ** 2
    shares = [tuple(float(each.mean()) for each in models) for models in (first, second)]
    single = discordant(first[0], second[0]) if len(first) == len(second) == 1 else None
    widened = max(1.0, spread.error**2 / alone) if alone else 1.0
    return SystemDifference(shares[0], shares[1], spread, len(apart), single, _seeds(*shares), widened)


def compare_tar(
    first: Sequence[Floats], second: Sequence[Floats], same: NDArray[np.bool_], far: float, people: PeopleOfPairs
) -> SystemDifference:
    """TAR of two systems at a FAR: two models by exchanging their answers, more by a bootstrap over people.

    Each model finds its threshold anew in each exchange and each resample.

    Args:
        first: of the first system's models, float64 ``(n,)``: distances.
        second: likewise.
        same: bool ``(n,)``, whether each pair shows one person.
        far: in (0, 1).
        people: of the pairs.

    Raises:
        ValueError: pairs of one kind only, or distances that are not finite.
    """
    rates = [
        tuple(measure_once(weighted_tar(each, same, far), len(same)) for each in models) for models in (first, second)
    ]
    if len(first) == len(second) == 1:
        spread = tar_spread(first[0], second[0], same, far, people)
    else:
        spread = spread_over_people([tar_difference(first, second, same, far)], people)[0]
    return SystemDifference(rates[0], rates[1], spread, int(np.count_nonzero(same)), seeds=_seeds(*rates))


def _seeds(first: Sequence[float], second: Sequence[float]) -> SeedDifference | None:
    return seed_difference(first, second) if min(len(first), len(second)) > 1 else None
