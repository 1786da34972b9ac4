"""Checks that several transforms share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from maskrec.contracts.problem import Problem


def probability_problems(values: dict[str, Any]) -> Iterable[Problem]:
    """Check ``probability``."""
    if not 0.0 <= values["probability"] <= 1.0:
        yield Problem(f"probability must be from 0 to 1, not {values['probability']}", "probability")


def range_problems(name: str, given: Sequence[float], low: float, high: float) -> Iterable[Problem]:
    """Check that ``given`` is two ascending numbers between ``low`` and ``high``."""
    if len(given) != 2 or not low <= given[0] <= given[1] <= high:
        yield Problem(f"{name} must be two ascending numbers from {low:g} to {high:g}, not {list(given)}", name)


def value_problems(value: float | Sequence[float]) -> Iterable[Problem]:
    """Check that the fill is a gray value or a colour."""
    channels = [value] if isinstance(value, int | float) else list(value)
    if len(channels) not in (1, 3) or not all(0.0 <= channel <= 1.0 for channel in channels):
        yield Problem(f"value must be one number or three from 0 to 1, not {value}", "value")


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ValueError with the first problem's message, if there is one."""
    for problem in problems:
        raise ValueError(problem.message)
