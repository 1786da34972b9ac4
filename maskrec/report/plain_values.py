"""Values of files that somebody may have edited, as what they should be, or as None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskrec.base.plain_json import is_finite_number

Row = Mapping[str, Any]


def number(value: Any) -> float | None:
    """A finite number, else None."""
    return float(value) if is_finite_number(value) else None


def whole(value: Any) -> int | None:
    """A whole number, else None."""
    return value if type(value) is int and is_finite_number(value) else None


def text(value: Any) -> str:
    """A string; empty where it is something else."""
    return value if isinstance(value, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """A map; empty where it is something else."""
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> list[Row]:
    """The maps of a list; empty where it is something else."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, (list, tuple)) else []


def texts(value: Any) -> tuple[str, ...]:
    """The strings of a list; empty where it is something else."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, (list, tuple)) else ()


def counts(value: Any, length: int) -> list[int] | None:
    """Counts of a histogram, else None."""
    if not isinstance(value, list) or len(value) != length:
        return None
    return value if all(type(each) is int and 0 <= each < 2**53 for each in value) else None
