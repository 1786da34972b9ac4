"""Whether errors strike one group of people more often than the others, as far as the people measured can say.

Every comparison is of two people, so comparisons are not independent: the variance is that of sums over pairs of
things that each occur in many pairs (Fafchamps and Gubert 2007; Aronow, Samii and Assenova 2015), of which the chance
of single comparisons, held twice, is taken out once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices
from maskrec.metrics.enough_people import FEWEST_EVENTS

_FEWEST = 0.5  # events that stand for none in a logarithm


@dataclass(frozen=True, slots=True, eq=False)
class PersonErrors:
    """False accepts of each person of a group with others of it, and what they are counted in.

    Args:
        false: int64 ``(people,)``, false accepts that each person is in; their sum holds each twice.
        comparisons: float64 ``(people,)``, all that each person is in, likewise.
    """

    false: Indices
    comparisons: Floats

    @property
    def events(self) -> float:
        """False accepts."""
        return float(self.false.sum()) / 2

    @property
    def trials(self) -> float:
        """Comparisons."""
        return float(self.comparisons.sum()) / 2

    @property
    def rate(self) -> float:
        """The false accept rate; 0 without comparisons."""
        return self.events / self.trials if self.trials else 0.0

    def relative_variance(self) -> float:
        """Variance of the logarithm of the rate over people who might have been in the group instead."""
        events = max(self.events, _FEWEST)
        apart = self.false - self.rate * self.comparisons
        squares = float(np.sum(apart * apart))
        return max(squares - events, squares / 2, events) / events**2


@dataclass(frozen=True, slots=True)
class GroupRatio:
    """A group's false accept rate, and how many times the mean of the other groups' it is.

    Args:
        rate: within the group.
        rate_low: lower end of its 95 % interval over people.
        rate_high: upper end.
        events: false accepts.
        expected: false accepts that the common rate lets expect; below ten nothing is said of the group.
        ratio: None where nothing is said: of this group, or because no other group is known.
        low: lower 95 % bound of the ratio, one-sided, over people and divided by the number of known groups.
        high: the upper one.
    """

    rate: float
    rate_low: float
    rate_high: float
    events: float
    expected: float
    ratio: float | None
    low: float | None
    high: float | None

    @property
    def known(self) -> bool:
        """Whether ten false accepts are to be expected."""
        return self.expected >= FEWEST_EVENTS

    def above(self, most: float) -> bool:
        """Whether the rate is more than ``most`` times the others' beyond chance."""
        return self.low is not None and self.low > most


def group_ratios(groups: Sequence[PersonErrors], common: float, confidence: float = 0.95) -> list[GroupRatio]:
    """Compare each group's rate with the mean of the rates of the others that are known.

    Args:
        groups: no person is in two.
        common: the false accept rate of all people at the same threshold.
        confidence: of one-sided bounds for all groups together (Bonferroni), and of the rates' intervals.
    """
    expected = [common * each.trials for each in groups]
    known = [number for number, events in enumerate(expected) if events >= FEWEST_EVENTS]
    z = NormalDist().inv_cdf(1 - (1 - confidence) / max(len(known), 1))
    two_sided = NormalDist().inv_cdf((1 + confidence) / 2)
    found = []
    for number, each in enumerate(groups):
        wide = math.exp(two_sided * math.sqrt(each.relative_variance()))
        floor = max(each.rate, _FEWEST / each.trials if each.trials else 0.0)
        rates = each.rate, each.rate / wide, min(1.0, floor * wide)
        others = [groups[other] for other in known if other != number]
        bounds = _ratio(each, others, z) if number in known and others else (None, None, None)
        found.append(GroupRatio(*rates, each.events, expected[number], *bounds))
    return found


def _ratio(group: PersonErrors, others: Sequence[PersonErrors], z: float) -> tuple[float, float, float]:
    """The ratio and its bounds, from the variances of the logarithms of both rates."""
    floors = [max(each.rate, _FEWEST / each.trials) for each in others]
    mean = sum(floors) / len(floors)
    parts = [(floor / len(floors)) ** 2 * each.relative_variance() for floor, each in zip(floors, others, strict=True)]
    wide = math.exp(z * math.sqrt(group.relative_variance() + sum(parts) / mean**2))
    ratio = group.rate / mean
    return ratio, ratio / wide, max(ratio, _FEWEST / group.trials / mean) * wide
