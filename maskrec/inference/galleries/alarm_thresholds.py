"""Distances at which a gallery's check raises an alarm, so that a clean gallery raises a stated number of them.

Two kinds of comparisons are made. Photos of two people raise an alarm where they are nearer than a threshold, whose
false accept rate is the alarms that are accepted over the number of such comparisons. Photos of one person raise one
where they are further apart than a bound, whose false reject rate is the alarms over the number of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.base.words import counted, counted_are
from maskrec.contracts.conditions import CONDITIONS
from maskrec.inference.galleries.pair_scoring import POSSIBLE
from maskrec.metrics import Risk, RiskThreshold
from maskrec.metrics.arrays import Floats
from maskrec.metrics.distance_counts import BIN_WIDTH, BINS, cumulative
from maskrec.metrics.enough_people import FEWEST_EVENTS, worded

DEFAULT_ALARMS = 0.25
"""Alarms of each kind that a gallery without faults raises on average: of the nearest strangers in one of four."""

_HIGHEST_FAR = 1e-3  # asked for, however few comparisons are made: beyond, photos of two people are often that near
_HIGHEST_CARRIED = 0.1  # where the evaluation is small
_HIGHEST_FRR = 0.05


class OwnBound(NamedTuple):
    """A distance that two photos of one person seldom exceed, and two people's mostly do.

    Args:
        value: L2 between unit embeddings; at least the distance up to which one person is likelier than two.
        frr: the share of one person's comparisons beyond it, as measured.
        comparisons: how many were measured.
    """

    value: float
    frr: float
    comparisons: int


@dataclass(frozen=True, slots=True, eq=False)
class AlarmThresholds:
    """The distances at which alarms are raised, for each condition that occurs and was measured.

    Args:
        alarms: of each kind, that a gallery without faults raises on average.
        near: two people whose photos are at or below it look like one.
        own: photos of one person beyond it look like two people's.
        notes: what the model's evaluation cannot carry, a sentence each.
    """

    alarms: float
    near: Mapping[str, RiskThreshold]
    own: Mapping[str, OwnBound]
    notes: tuple[str, ...] = ()

    def nearest_limits(self) -> Floats:
        """For each number of ``POSSIBLE`` the smallest of its conditions' thresholds; -1 where one has none."""
        return _of_possible({name: each.value for name, each in self.near.items()}, min, -1.0)

    def furthest_limits(self) -> Floats:
        """For each number of ``POSSIBLE`` the largest of its conditions' bounds; infinite where one has none."""
        return _of_possible({name: each.value for name, each in self.own.items()}, max, np.inf)


def alarm_thresholds(
    risk: Risk, conditions: Iterable[str], strangers: int, own: int, alarms: float | None = None
) -> AlarmThresholds:
    """The thresholds for a number of comparisons.

    Args:
        risk: the model's.
        conditions: that occur among the comparisons.
        strangers: how many photos of two people are compared.
        own: how many photos of one person.
        alarms: as in ``AlarmThresholds``, over 0. None is ``DEFAULT_ALARMS``, or as many as the people of the
            evaluation allow to state, which a note then says.

    Raises:
        UsageError: a number of alarms that is not over 0, or one given that the evaluation cannot carry.
    """
    if alarms is not None and not 0 < alarms < np.inf:
        raise UsageError(f"the number of alarms must be a number over 0, not {alarms:g}; 0.25 is one gallery in four")
    accepted = DEFAULT_ALARMS if alarms is None else alarms
    near: dict[str, RiskThreshold] = {}
    bounds: dict[str, OwnBound] = {}
    notes: list[str] = []
    for name in CONDITIONS:
        if name not in set(conditions):
            continue
        if not is_measured(risk, name):
            notes.append(
                f"{worded(name)} photos are not compared, because the model was not measured on such; evaluate some"
            )
            continue
        if strangers:
            far = min(accepted / strangers, _HIGHEST_FAR)
            near[name], note = _near(risk, name, far, strangers, alarms is not None)
            notes += [note] if note else []
        if own:
            bound, note = _own(risk, name, min(accepted / own, _HIGHEST_FRR), own, alarms is not None)
            bounds.update({name: bound} if bound else {})
            notes += [note] if note else []
    return AlarmThresholds(accepted, near, bounds, tuple(notes))


def _near(risk: Risk, condition: str, far: float, strangers: int, exact: bool) -> tuple[RiskThreshold, str]:
    """The threshold for a FAR, or for the least that is carried, with a note."""
    rate, refused = far, ""
    while True:
        try:
            threshold = risk.threshold(condition, rate)
            break
        except ValueError as error:
            refused = refused or str(error)
            if exact or rate >= _HIGHEST_CARRIED:
                raise UsageError(
                    f"{counted(strangers, 'comparison')} of two people's photos need a FAR of {far:.2g}: {refused}"
                ) from error
            rate = min(2 * rate, _HIGHEST_CARRIED)
    if not refused:
        return threshold, ""
    return threshold, (
        f"of {counted(strangers, 'comparison')} of two people's photos about {threshold.far * strangers:.2g} are alike "
        f"by chance where all are {worded(condition)}: the model's evaluation carries no lower FAR than {rate:.2g}"
    )


def _own(risk: Risk, condition: str, frr: float, own: int, exact: bool) -> tuple[OwnBound | None, str]:
    """The bound for a false reject rate, or for the least that is carried, with a note."""
    below = cumulative(risk.counts.genuine[CONDITIONS.index(condition)])
    comparisons = int(below[-1])
    least = FEWEST_EVENTS / comparisons if comparisons else np.inf
    if exact and least > frr:
        raise UsageError(
            f"{counted(own, 'comparison')} of one person's photos need a false reject rate of {frr:.2g}, and "
            f"{counted_are(comparisons, f'{worded(condition)} comparison')} measured of the model; evaluate about "
            f"{counted(int(np.ceil(FEWEST_EVENTS / frr)), 'comparison')} of one person's photos"
        )
    if least > _HIGHEST_FRR:
        return None, (
            f"whether {worded(condition)} photos of a person are all of them is not checked: "
            f"{counted_are(comparisons, 'comparison')} measured of one person's photos, and "
            f"{int(FEWEST_EVENTS / _HIGHEST_FRR)} are needed"
        )
    rate = max(frr, least)
    edge = max(int(np.searchsorted(below, comparisons * (1 - rate), "left")), _even_odds(risk, condition))
    bound = OwnBound(edge * BIN_WIDTH, float((comparisons - below[edge]) / comparisons), comparisons)
    if rate == frr:
        return bound, ""
    return bound, (
        f"of {counted(own, 'comparison')} of one person's photos about {bound.frr * own:.2g} are unlike by chance "
        f"where all are {worded(condition)}: the model's evaluation carries no lower false reject rate than {rate:.2g}"
    )


def alike_within(threshold: float) -> str:
    """What a threshold of ``AlarmThresholds.near`` means, as a part of a sentence."""
    return f"two people's photos are alike within {threshold:.2f}"


def unlike_beyond(bound: float) -> str:
    """What a bound of ``AlarmThresholds.own`` means, as a part of a sentence."""
    return f"one person's photos are unlike beyond {bound:.2f}"


def is_measured(risk: Risk, condition: str) -> bool:
    """Whether enough comparisons of one person's images and of two people's were measured."""
    try:
        risk.log_likelihood_ratio(condition, 1.0)
    except ValueError:
        return False
    return True


def _even_odds(risk: Risk, condition: str) -> int:
    """The last edge of a bin up to which a distance is not less likely for one person than for two."""
    below = risk.log_likelihood_ratio(condition, np.arange(BINS + 1) * BIN_WIDTH) < 0
    return int(np.argmax(below)) - 1 if below.any() else BINS


def _of_possible(values: Mapping[str, float], choose: Callable[[list[float]], float], missing: float) -> Floats:
    found = [[values[name] for name in names if name in values] for names in POSSIBLE]
    whole = [len(some) == len(names) for some, names in zip(found, POSSIBLE, strict=True)]
    return np.array([choose(some) if known else missing for some, known in zip(found, whole, strict=True)], np.float64)
