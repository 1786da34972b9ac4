"""Differences of systems, judged: several at once, a win only where it is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

from maskrec.contracts.rate_names import tar_name
from maskrec.inference.comparing.compared_systems import ComparedSystem
from maskrec.inference.comparing.model_answers import ConditionAnswers
from maskrec.metrics.enough_people import FEWEST_EVENTS, FEWEST_PEOPLE
from maskrec.metrics.several_tests import holm
from maskrec.metrics.system_difference import SystemDifference, compare_accuracy, compare_tar

ALPHA = 0.05

Verdict = Literal["better", "worse", "not found", "not judged"]


@dataclass(frozen=True, slots=True)
class JudgedDifference:
    """One figure of two systems.

    Args:
        first: letter of the first system.
        second: letter of the second.
        label: of the evaluation.
        occasion: ``evaluate`` or ``test``.
        condition: of the pairs.
        measure: ``accuracy`` or ``tar@far=F``.
        pairs: how many the figure is a share of.
        values: of the first and of the second system; means where they have several models.
        difference: of the second less the first.
        low: end of its 95 % interval.
        high: likewise.
        p: of the tests, corrected for their number; None where nothing is judged.
        smallest: the smallest difference that would be found with 80 % power; None likewise.
        verdict: of the second system.
        note: why nothing is judged.
    """

    first: str
    second: str
    label: str
    occasion: str
    condition: str
    measure: str
    pairs: int
    values: tuple[float, float]
    difference: float
    low: float
    high: float
    p: float | None
    smallest: float | None
    verdict: Verdict
    note: str

    def to_plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A difference before it is judged."""

    about: tuple[str, str, str, str, str, str]
    found: SystemDifference
    note: str


def judge(systems: Sequence[ComparedSystem], fars: Sequence[float] | None = None) -> list[JudgedDifference]:
    """Each later system against the first one, in every condition; p-values are corrected by Holm for all of them.

    Args:
        systems: at least one.
        fars: at which TAR is compared; None takes those of the evaluations.
    """
    measured = [each for other in systems[1:] for each in _measured(systems[0], other, fars)]
    judged = [each for each in measured if not each.note]
    corrected = iter(holm([each.found.p_value() for each in judged]))
    level = ALPHA / max(1, len(judged))
    return [_judged(each, None if each.note else next(corrected), level) for each in measured]


def _measured(one: ComparedSystem, other: ComparedSystem, fars: Sequence[float] | None) -> Iterator[_Measured]:
    for label in one.models[0].answers:
        for first, second in zip(one.answers(label), other.answers(label), strict=True):
            about = (one.letter, other.letter, label, first[0].occasion, first[0].condition)
            right = [[each.right for each in models] for models in (first, second)]
            found = compare_accuracy(right[0], right[1], first[0].people)
            yield _Measured((*about, "accuracy"), found, _note(found, first[0]))
            for far in first[0].fars if fars is None else fars:
                apart = [[each.distances for each in models] for models in (first, second)]
                found = compare_tar(apart[0], apart[1], first[0].same, far, first[0].people)
                yield _Measured((*about, tar_name(far)), found, _note(found, first[0], far))


def _note(found: SystemDifference, answers: ConditionAnswers, far: float | None = None) -> str:
    """Why a difference is not judged; empty where it is."""
    if not found.comparable:
        return "a system of a single training, which does not say how much its seeds differ"
    if answers.people.count < FEWEST_PEOPLE:
        return f"fewer than {FEWEST_PEOPLE} people"
    if far is not None and far * int((~answers.same).sum()) < FEWEST_EVENTS:
        return f"fewer than {FEWEST_EVENTS:g} expected false accepts"
    return ""


def _judged(measured: _Measured, p: float | None, level: float) -> JudgedDifference:
    found = measured.found
    verdict: Verdict = "not judged"
    if p is not None:
        verdict = "not found" if p > ALPHA else "better" if found.value > 0 else "worse"
    values = (fmean(found.first), fmean(found.second))
    smallest = None if p is None else found.smallest_found(level)
    low, high = found.interval()
    return JudgedDifference(
        *measured.about, found.pairs, values, found.value, low, high, p, smallest, verdict, measured.note
    )
