"""Whether two faces are of one person: their distance against a stored threshold, and what that decision risks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from maskrec.base.errors import UsageError
from maskrec.base.unit_interval import outside_unit_interval
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Threshold
from maskrec.metrics import NotEnoughPeopleError

if TYPE_CHECKING:
    from maskrec.inference.deciding.decisions import Decisions
    from maskrec.metrics import Risk, RiskThreshold

FARS = (1e-3, 1e-2, 1e-1)
"""False accept rates that are tried in turn where the caller names none."""


@dataclass(frozen=True, slots=True, repr=False)
class Decision:
    """One decision about a pair of faces.

    Args:
        same: whether they are of one person: their distance is at or below the threshold.
        condition: of the pair: ``bare``, ``one_masked`` or ``both_masked``.
        threshold: the distance that decides, L2 between unit embeddings, in [0, 2].
        far: the false accept rate at the threshold; None where nothing states it.
        far_low: lower end of its 95 % interval for new people; None without an interval.
        far_high: upper end.
        people: number of people that the interval was measured on, or None.
        frr: the false reject rate at the threshold: the share of the evaluation's comparisons of one person's images
            beyond it; None where none were measured.
        frr_comparisons: of how many; without an interval, because whose they are is not kept.
        probability: of being one person, calibrated, for the prior that was given; None without measured distances.
        source: what the threshold was measured on, in words.
        prior: what the probability took as that of one person before looking; None without a probability.
    """

    same: bool
    condition: str
    threshold: float
    far: float | None = None
    far_low: float | None = None
    far_high: float | None = None
    people: int | None = None
    frr: float | None = None
    frr_comparisons: int | None = None
    probability: float | None = None
    source: str = ""
    prior: float | None = None

    def __repr__(self) -> str:
        parts = [f"{'same' if self.same else 'different'}, {self.condition}: threshold {self.threshold:.4f}"]
        numbers = (("FAR", self.far), ("FRR", self.frr), ("probability", self.probability))
        parts += [f"{name} {value:.2g}" for name, value in numbers if value is not None]
        return f"Decision({', '.join(parts)})"


def decide(
    distance: float, condition: str, decisions: Decisions, far: float | None = None, prior: float = 0.5
) -> Decision | None:
    """The decision about a pair; None where the model has no threshold at all.

    Args:
        distance: L2 between unit embeddings.
        condition: of the pair.
        decisions: the model's.
        far: the false accept rate to decide at; None: the lowest of ``FARS`` that the evaluation's data can carry.
        prior: probability that such a pair is of one person before looking, inside (0, 1).

    Raises:
        UsageError: a rate, prior or condition out of range, a rate that the data cannot carry (with the number of
            people that it takes) or that no stored threshold is for, or thresholds of embeddings that are not unit.
    """
    _check(condition, far, prior)
    risk = decisions.risk
    if risk is not None and risk.has(condition):
        found = _measured_threshold(decisions, condition, far)
        if found is not None:
            frr, comparisons = _false_rejects(risk, condition, found.value)
            probability = _probability(risk, condition, distance, prior)
            return Decision(
                distance <= found.value, condition, found.value, found.far, found.low, found.high, found.people, frr,
                comparisons, probability, decisions.measured_on, None if probability is None else prior,
            )  # fmt: skip
    stored = stored_threshold(decisions.thresholds, condition, far)
    if stored is None:
        return None
    value = in_unit_l2(stored)
    frr, comparisons = (None, None) if risk is None else _false_rejects(risk, condition, value)
    return Decision(
        distance <= value, condition, value, stored.far, frr=frr, frr_comparisons=comparisons, source=stored.source
    )


def _false_rejects(risk: Risk, condition: str, threshold: float) -> tuple[float, int] | tuple[None, None]:
    """The false reject rate at a threshold, and of how many comparisons it is the share."""
    found = risk.rejects(condition, threshold)
    return (None, None) if found is None else (found.rate, found.comparisons)


def _probability(risk: Risk, condition: str, distance: float, prior: float) -> float | None:
    """The calibrated probability; None where too few pairs of one person were measured."""
    try:
        return risk.probability(condition, distance, prior)
    except NotEnoughPeopleError:
        return None


def _check(condition: str, far: float | None, prior: float) -> None:
    if condition not in CONDITIONS:
        raise UsageError(f"the condition {condition!r} is not known; use {', '.join(CONDITIONS)}")
    check_rates(far, prior)


def check_rates(far: float | None, prior: float) -> None:
    """Refuse a false accept rate or a prior that is not inside (0, 1).

    Raises:
        UsageError: one of them is not.
    """
    for name, value in (("a false accept rate", far), ("a prior probability", prior)):
        if value is not None and (said := outside_unit_interval(value, name)):
            raise UsageError(f"{said}; 0.001 is one in a thousand")


def _measured_threshold(decisions: Decisions, condition: str, far: float | None) -> RiskThreshold | None:
    """The threshold that the risk gives; None where none was asked for and the data carries none of ``FARS``."""
    assert decisions.risk is not None
    if far is not None:
        try:
            return decisions.risk.threshold(condition, far)
        except ValueError as error:
            where = f" (measured on {decisions.measured_on})" if decisions.measured_on else ""
            raise UsageError(f"{error}{where}") from error
    for rate in FARS:
        try:
            return decisions.risk.threshold(condition, rate)
        except ValueError:  # the data carries a higher rate only
            continue
    return None


def stored_threshold(thresholds: Mapping[str, Threshold], condition: str, far: float | None) -> Threshold | None:
    """The evaluators' threshold for a condition; None where they stored none.

    Those of the condition (``LABEL.NAME/CONDITION``) come before those of all pairs. Without a rate the lowest one that
    was stored counts, and a threshold without a rate where none has one.

    Raises:
        UsageError: no threshold was stored for this rate; lists those that were.
    """
    own = {name: each for name, each in thresholds.items() if name.endswith(f"/{condition}")}
    every = {name: each for name, each in thresholds.items() if not name.endswith(tuple(f"/{c}" for c in CONDITIONS))}
    groups = [list(own.values()), list(every.values())]
    if far is None:
        found = [min(group, key=lambda each: (each.far is None, each.far or 0.0)) for group in groups if group]
        return found[0] if found else None
    for group in groups:
        for each in group:
            if each.far is not None and abs(each.far - far) <= 1e-9 * far:
                return each
    if not any(groups):
        return None
    rates = sorted({f"{each.far:g}" for group in groups for each in group if each.far is not None})
    raise UsageError(
        f"no threshold is stored for a false accept rate of {far:g}; stored: {', '.join(rates) or 'none with a rate'}"
    )


def in_unit_l2(threshold: Threshold) -> float:
    """A threshold as L2 distance between unit embeddings; below 0 where it accepts no pair.

    Raises:
        UsageError: it is for embeddings that are not scaled to unit length.
    """
    if not threshold.normalize and threshold.distance != "cosine":
        raise UsageError(
            f"the stored threshold ({threshold.source}) is for embeddings as the network returns them, and verify "
            "compares unit embeddings; evaluate the model with `normalize: true`"
        )
    if threshold.value < 0 or threshold.distance == "l2":
        return threshold.value
    return sqrt(threshold.value if threshold.distance == "squared_l2" else 2 * threshold.value)
