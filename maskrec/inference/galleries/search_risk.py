"""What a search risks: the thresholds for a false positive identification rate, and what is known of their errors.

The false positive identification rate (FPIR) is the share of searches by people who are not enrolled that find
somebody (ISO/IEC 19795-1; NIST's FRTE 1:N). With N rows whose comparisons are independent it is 1 - (1 - FAR)^N, so
each comparison is decided at a false accept rate of 1 - (1 - FPIR)^(1 / N), by the threshold of its own condition.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import UsageError
from maskrec.base.unit_interval import outside_unit_interval
from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.inference.galleries.pair_scoring import POSSIBLE, worded_conditions
from maskrec.inference.galleries.search_refusal import far_of_search, refuse_unmeasured, refused_search

if TYPE_CHECKING:
    from maskrec.inference.deciding.decisions import Decisions
    from maskrec.metrics import MeasuredFpir, Risk


@dataclass(frozen=True, slots=True)
class SearchThreshold:
    """The threshold of rows that are compared under one condition.

    Args:
        condition: ``bare``, ``one_masked``, ``both_masked``; several with ``or`` where a mask state is not known.
        value: L2 between unit embeddings; the lowest of the possible conditions' ones.
        rows: how many rows of the gallery are compared under it.
        far: the false accept rate of a comparison that was measured at it.
        far_low: lower end of its 95 % interval for new people.
        far_high: upper end.
        people: that it was measured on.
    """

    condition: str
    value: float
    rows: int
    far: float
    far_low: float
    far_high: float
    people: int

    @property
    def uncertain(self) -> bool:
        """Whether a mask state is not known, so that several conditions are possible."""
        return self.condition not in CONDITIONS


@dataclass(frozen=True, slots=True)
class SearchRisk:
    """What the decision about one face risks.

    Args:
        fpir: the false positive identification rate that was asked for.
        rows: N, all rows that the face is compared with.
        far: the false accept rate of a comparison that this takes.
        thresholds: by number of ``pair_scoring.POSSIBLE``, of the conditions that occur.
        measured_on: the evaluation, in words.
        measured_fpir: what galleries drawn from the evaluation's people give; None where none were, for rows of more
            than one condition, and beyond the sizes that were measured.
    """

    fpir: float
    rows: int
    far: float
    thresholds: Mapping[int, SearchThreshold]
    measured_on: str = ""
    measured_fpir: MeasuredFpir | None = None

    @property
    def stated_fpir(self) -> tuple[float, float, float]:
        """The rate that the formula gives for the measured false accept rates, and its 95 % interval."""
        every = list(self.thresholds.values())
        rate = _any_of((each.far, each.rows) for each in every)
        low = _any_of((each.far_low, each.rows) for each in every)
        return rate, low, _any_of((each.far_high, each.rows) for each in every)

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        rate, low, high = self.stated_fpir
        measured = self.measured_fpir
        return {
            "fpir": self.fpir,
            "rows": self.rows,
            "far": self.far,
            "stated_fpir": {"rate": rate, "low": low, "high": high},
            "measured_fpir": None if measured is None else asdict(measured),
            "thresholds": [{name: getattr(each, name) for name in each.__slots__} for each in self.thresholds.values()],
            "measured_on": self.measured_on,
        }

    def lines(self) -> list[str]:
        """In words, a line a thing."""
        rate, low, high = self.stated_fpir
        lines = [
            f"false positive identification rate {self.fpir:g} asked for, with {counted(self.rows, 'row')}: a false "
            f"accept rate of {self.far:.2g} per comparison"
        ]
        for each in self.thresholds.values():
            lines.append(
                f"  {each.condition.replace('_', ' ')}, {counted(each.rows, 'row')}: threshold {each.value:.4f}, its "
                f"false accept rate {each.far:.2g}, for other people {each.far_low:.2g} to {each.far_high:.2g} (95 %)"
            )
        lines.append(f"  false positive identification rate by it {rate:.2g}, for other people {low:.2g} to {high:.2g}")
        if (measured := self.measured_fpir) is not None:
            lines.append(
                f"  in galleries drawn from {counted(measured.people, 'person')} ({measured.draws:,} times): "
                f"{measured.rate:.2g}, {measured.low:.2g} to {measured.high:.2g} (95 %)"
            )
        return lines + ([f"  measured on {self.measured_on}"] if self.measured_on else [])


def check_fpir(fpir: float) -> None:
    """Refuse a rate that is not inside (0, 1).

    Raises:
        UsageError: it is not.
    """
    if said := outside_unit_interval(fpir, "a false positive identification rate"):
        raise UsageError(f"{said}; 0.01 is one search in a hundred")


def require_risk(decisions: Decisions, model: str) -> Risk:
    """The error rates that searches are decided with.

    Args:
        decisions: of the model.
        model: it, in words.

    Raises:
        UsageError: none were measured.
    """
    if decisions.risk is None:
        raise UsageError(
            f"{model} has no measured error rates, so a search cannot be decided, nor can candidates be ranked across "
            "mask states; measure them with `maskrec evaluate MODEL --out FOLDER` and name the folder as the model"
        )
    return decisions.risk


def risk_of_search(decisions: Decisions, model: str, rows_of: Mapping[int, int], fpir: float) -> SearchRisk:
    """The thresholds for a search, one for each condition that its rows are compared under.

    Args:
        decisions: of the model.
        model: it, in words.
        rows_of: how many rows are compared under which number of ``pair_scoring.POSSIBLE``; at least one row.
        fpir: asked for, inside (0, 1).

    Raises:
        UsageError: no error rates, a condition that was not measured, or a rate that the people measured cannot carry,
            with how many would; its cause is then the ``NotEnoughPeopleError``.
    """
    check_fpir(fpir)
    risk = require_risk(decisions, model)
    refuse_unmeasured(risk, rows_of, decisions.measured_on)
    rows = sum(rows_of.values())
    far = far_of_search(fpir, rows)
    try:
        thresholds = {number: _threshold(risk, number, far, own) for number, own in sorted(rows_of.items()) if own}
    except ValueError as error:
        raise refused_search(error, risk, rows_of, fpir, decisions.measured_on) from error
    return SearchRisk(fpir, rows, far, thresholds, decisions.measured_on, _measured(decisions, thresholds))


def _threshold(risk: Risk, number: int, far: float, rows: int) -> SearchThreshold:
    """The lowest of the possible conditions' thresholds; ValueError where one has none."""
    least = min((risk.threshold(name, far) for name in POSSIBLE[number]), key=lambda each: each.value)
    words = worded_conditions(number)
    return SearchThreshold(words, least.value, rows, least.far, least.low, least.high, least.people)


def _measured(decisions: Decisions, thresholds: Mapping[int, SearchThreshold]) -> MeasuredFpir | None:
    """What drawn galleries of as many rows give; they have rows of one condition only."""
    each = next(iter(thresholds.values()))
    if decisions.galleries is None or len(thresholds) > 1 or each.uncertain:
        return None
    try:
        return decisions.galleries.fpir(each.condition, each.value, each.rows)
    except ValueError:  # no such galleries, or none so large, were searched
        return None


def _any_of(rates: Iterable[tuple[float, int]]) -> float:
    """The rate at which at least one of independent comparisons accepts: rate and number of each kind."""
    return -math.expm1(sum(rows * math.log1p(-rate) if rate < 1 else -math.inf for rate, rows in rates if rows))
