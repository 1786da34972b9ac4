"""Rates, shares and probabilities that must be inside (0, 1)."""

from __future__ import annotations

from numbers import Real


def outside_unit_interval(value: object, name: str) -> str:
    """Why a value is not a number inside (0, 1), as a clause; empty where it is one.

    Args:
        value: of any type; True is not a number.
        name: what it is, with its article: ``a false accept rate``.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and 0 < value < 1:  # type: ignore[operator]
        return ""
    return f"{name} must be inside (0, 1), not {f'{value:g}' if number else repr(value)}"


def require_inside_unit_interval(value: object, name: str) -> None:
    """Refuse what `outside_unit_interval` does.

    Raises:
        ValueError: it is not a number inside (0, 1).
    """
    if said := outside_unit_interval(value, name):
        raise ValueError(said)
