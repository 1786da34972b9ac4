"""Parameters that are rates of errors."""

from __future__ import annotations

from collections.abc import Iterable

from maskrec.base.unit_interval import outside_unit_interval
from maskrec.contracts.problem import Problem


def rate_problems(rates: Iterable[float], name: str, what: str) -> Iterable[Problem]:
    """A rate outside (0, 1), and one that is listed twice.

    Args:
        rates: as the recipe lists them.
        name: of the parameter.
        what: a rate of it is called in messages.
    """
    listed = list(rates)
    if said := next(filter(None, (outside_unit_interval(rate, f"a {what}") for rate in listed)), ""):
        yield Problem(said, name, "0.01 is one in a hundred")
    if len({f"{rate:g}" for rate in listed}) < len(listed):
        yield Problem(f"a {what} is listed twice (rates are distinguished by six digits)", name, "list each once")


def required_rate_problems(rates: Iterable[float], name: str, what: str) -> Iterable[Problem]:
    """As `rate_problems`, and an empty list."""
    if not list(rates):
        yield Problem(f"{name} is empty; list at least one {what}", name, "0.01 is one in a hundred")
    yield from rate_problems(rates, name, what)
