"""Words for messages: the nearest name, an error on one line, what differs between two values."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(name: object, known: Iterable[str], most: int = 1) -> list[str]:
    """The known names that ``name`` may be a misspelling of, the likeliest first."""
    return difflib.get_close_matches(str(name), list(dict.fromkeys(known)), n=most)


def did_you_mean(name: object, known: Iterable[str], otherwise: str = "", quote: str = "") -> str:
    """``did you mean NAME?``, or ``otherwise`` where nothing is near.

    Args:
        name: what was written.
        known: what could have been meant.
        otherwise: the answer where none of them is near.
        quote: stands on both sides of the name.
    """
    near = nearest(name, known)
    return f"did you mean {quote}{near[0]}{quote}?" if near else otherwise


_UNITS = ("kB", "MB", "GB", "TB", "PB")


def byte_size(count: int) -> str:
    """A number of bytes in three digits: ``812 bytes``, ``6.12 MB``, ``1.50 GB``; units of 1000."""
    if count < 1000:
        return f"{count} bytes"
    power = min(len(_UNITS), int(math.log10(count * 1.0005) / 3))  # 999.5 of a unit is one of the next
    size = count / 1000**power
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {_UNITS[power - 1]}"


def one_line(error: BaseException) -> str:
    """An exception's message on one line; its type where it has none, or cannot say it."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # whatever a plugin raises may fail to say what it is
        text = ""
    return text or type(error).__name__


def typed_line(error: BaseException) -> str:
    """``Type: message`` on one line."""
    name, text = type(error).__name__, one_line(error)
    return name if text == name else f"{name}: {text}"


def differences(before: Any, after: Any, prefix: str = "") -> list[str]:
    """Where two plain values differ, as ``name X there, Y here``; maps are compared key by key.

    Args:
        before: what is there already.
        after: what this command would make.
        prefix: names the two.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for key in [*before, *(key for key in after if key not in before)]:
            found += differences(before.get(key), after.get(key), f"{prefix}.{key}" if prefix else str(key))
        return found
    return [] if before == after else [f"{prefix} {before!r} there, {after!r} here".strip()]
