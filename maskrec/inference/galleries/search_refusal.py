"""Searches that the people of an evaluation cannot carry: how many people could, and which searches these can."""

from __future__ import annotations

import math
from collections.abc import Mapping

from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.inference.galleries.pair_scoring import POSSIBLE
from maskrec.metrics import NotEnoughPeopleError, Risk
from maskrec.metrics.enough_people import FEWEST_EVENTS, worded

_STEP = 1.2  # between false accept rates that are tried
_HIGHEST_FAR = 0.5


def far_of_search(fpir: float, rows: int) -> float:
    """The false accept rate of each of ``rows`` independent comparisons of which one accepts at a rate of ``fpir``."""
    return -math.expm1(math.log1p(-fpir) / rows)


def conditions_of(rows_of: Mapping[int, int]) -> list[str]:
    """All conditions that are possible in a search.

    Args:
        rows_of: how many rows are compared under which number of ``pair_scoring.POSSIBLE``.
    """
    return sorted({name for number in rows_of for name in POSSIBLE[number]})


def refuse_unmeasured(risk: Risk, rows_of: Mapping[int, int], measured_on: str) -> None:
    """Raise UsageError where error rates of a condition that is possible were not measured."""
    missing = [worded(name) for name in conditions_of(rows_of) if not risk.has(name)]
    if missing:
        open_states = any(len(POSSIBLE[number]) > 1 for number in rows_of)
        why = "may compare" if open_states else "compares"
        hint = ", or say with --masked or --bare what the faces wear" if open_states else ""
        raise UsageError(
            f"the search {why} {' and '.join(missing)} faces, and the error rates of such pairs were not measured"
            f"{_where(measured_on)}; evaluate the model on some{hint}"
        )


def refused_search(
    error: ValueError, risk: Risk, rows_of: Mapping[int, int], fpir: float, measured_on: str
) -> UsageError:
    """Why a search is not decided, how many people it takes, and which searches can be decided.

    Args:
        error: of ``Risk.threshold``.
        risk: the model's; every possible condition was measured.
        rows_of: how many rows are compared under which number of ``pair_scoring.POSSIBLE``.
        fpir: asked for.
        measured_on: the evaluation, in words.
    """
    rows, names = sum(rows_of.values()), conditions_of(rows_of)
    far = far_of_search(fpir, rows)
    needed = max((_needed(risk, name, far) for name in names), default=0)
    wanted = f"about {counted(needed, 'person')} would carry it" if needed else str(error)
    carried = [lowest_far(risk, name) for name in names]
    return UsageError(
        f"a false positive identification rate of {fpir:g} with {counted(rows, 'row')} is lower than the "
        f"{counted(risk.people, 'person')} of the evaluation{_where(measured_on)} can carry; {wanted}"
        f"{_possible(carried, rows, fpir)}"
    )


def lowest_far(risk: Risk, condition: str) -> float | None:
    """About the lowest false accept rate that has a threshold; None where no rate up to a half has one.

    Args:
        risk: the model's.
        condition: one that was measured.
    """
    rates = [FEWEST_EVENTS / risk.comparisons(condition) * (1 + 1e-9)]
    while rates[-1] * _STEP <= _HIGHEST_FAR:
        rates.append(rates[-1] * _STEP)
    low, high = 0, len(rates) - 1
    if not _carries(risk, condition, rates[high]):
        return None
    while low < high:  # a threshold takes up to a tenth of a second
        middle = (low + high) // 2
        low, high = (low, middle) if _carries(risk, condition, rates[middle]) else (middle + 1, high)
    return rates[high]


def _carries(risk: Risk, condition: str, far: float) -> bool:
    try:
        risk.threshold(condition, far)
    except ValueError:
        return False
    return True


def _needed(risk: Risk, condition: str, far: float) -> int:
    """How many people a rate takes; 0 where they are enough, or where that is not known."""
    try:
        risk.threshold(condition, far)
    except NotEnoughPeopleError as error:
        return error.needed
    except ValueError:
        return 0
    return 0


def _possible(carried: list[float | None], rows: int, fpir: float) -> str:
    """What can be asked instead, as the end of a sentence."""
    known = [far for far in carried if far is not None]
    if len(known) < len(carried):
        return ""
    far = max(known)
    least = -math.expm1(rows * math.log1p(-far))
    largest = int(math.log1p(-fpir) / math.log1p(-far))
    ways = [f"a rate of at least {_rounded_up(least)} for this gallery"] if least < _HIGHEST_FAR else []
    ways += [f"a gallery of at most {counted(largest, 'row')} at this rate"] if largest else []
    return f"; these carry {' or '.join(ways)}" if ways else ""


def _rounded_up(rate: float) -> str:
    """Two digits, not below the rate."""
    digits = 1 - math.floor(math.log10(rate))
    return f"{math.ceil(rate * 10**digits) / 10**digits:g}"


def _where(measured_on: str) -> str:
    return f" (measured on {measured_on})" if measured_on else ""
