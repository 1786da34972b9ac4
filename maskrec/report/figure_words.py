"""Figures as a report writes them: rates with their intervals, steps, durations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from maskrec.report.plain_values import Row, number, whole

NOTHING = "–"


def rate(value: Any) -> str:
    """A share in four digits."""
    found = number(value)
    return NOTHING if found is None else f"{found:.4f}"


def interval(row: Row, name: str, low: str, high: str) -> str:
    """A share with its interval: ``0.9545 [0.9489, 0.9595]``."""
    ends = [number(row.get(end)) for end in (low, high)]
    shown = rate(row.get(name))
    return shown if shown == NOTHING or None in ends else f"{shown} [{ends[0]:.4f}, {ends[1]:.4f}]"


def percent(value: float) -> str:
    """A share as people read it: ``81.2 %``."""
    return f"{100 * value:.1f} %"


def short(value: Any) -> str:
    """A number in four significant digits."""
    found = number(value)
    return NOTHING if found is None else f"{found:.4g}"


def distance(value: Any) -> str:
    """A distance or threshold in four significant digits, the last ones also where they are zeros: ``1.500``."""
    found = number(value)
    return NOTHING if found is None else f"{found:#.4g}"


def count(value: Any) -> str:
    """A whole number with its thousands separated."""
    found = whole(value)
    return NOTHING if found is None else f"{found:,}"


def duration(seconds: float) -> str:
    """``45 s``, ``2 min 13 s``, ``1 h 5 min``, ``2 d 3 h``."""
    left = max(0, round(seconds))
    for unit, smaller, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if left >= size:
            rest = left % size // part
            return f"{left // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{left} s"


def moment(seconds: float) -> str:
    """A time of the clock, in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return NOTHING
