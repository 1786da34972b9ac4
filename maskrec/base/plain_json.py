"""JSON that somebody else may have written: every way of being damaged is a ValueError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from maskrec.base.regular_files import LARGEST_RECORD, read_regular


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: not UTF-8, not JSON, nested too deeply, or with half a character (a lone surrogate) in a string.
    """
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(plain)
        if "\\ud" in plain.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("a string in it holds half a character (a lone surrogate)") from None
    return value


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The value of a JSON text that must be an object.

    Raises:
        ValueError: as in ``parse_json``, or it is another kind of value.
    """
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("its JSON is not an object")
    return value


def read_json_object(path: Path, most: int = LARGEST_RECORD) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        OSError: it cannot be read, or is not a regular file of at most ``most`` bytes.
        ValueError: as in ``parse_object``.
    """
    return parse_object(read_regular(path, most))


def is_finite_number(value: Any) -> bool:
    """Whether it is an int or a float (a bool is neither) that a float can hold, and not infinite or NaN."""
    try:
        return type(value) in (int, float) and isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def require_finite(value: Any) -> None:
    """Check every number of a plain value; ``parse_json`` accepts ``NaN`` and ``1e999``.

    Raises:
        ValueError: one that is not finite.
    """
    left = [value]
    while left:
        each = left.pop()
        if type(each) in (int, float) and not is_finite_number(each):
            raise ValueError("it holds a number that is not finite")
        left += each.values() if isinstance(each, Mapping) else each if isinstance(each, list) else []
