"""Words: the nearest name, names as they are compared, an error on one line, what differs between two values."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(name: object, known: Iterable[str], most: int = 1, likeness: float = 0.6) -> list[str]:
    """The known names that ``name`` may be a misspelling of, the likeliest first.

    Args:
        name: what was written.
        known: what could have been meant.
        most: how many are given.
        likeness: the least share of letters that both have in one order, from 0 to 1.
    """
    return difflib.get_close_matches(str(name), list(dict.fromkeys(known)), n=most, cutoff=likeness)


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


def article(noun: str) -> str:
    """A kind of component with its article: ``a loss``, ``an evaluator``, ``a pair set`` for ``pairs``."""
    if noun == "pairs":
        return "a pair set"
    return f"an {noun}" if noun[:1] in tuple("aeiou") else f"a {noun}"


_UNITS = ("kB", "MB", "GB", "TB", "PB")


def byte_size(count: int) -> str:
    """A number of bytes in three digits: ``812 bytes``, ``6.12 MB``, ``1.50 GB``; units of 1000."""
    if count < 1000:
        return f"{count} bytes"
    power = min(len(_UNITS), int(math.log10(count * 1.0005) / 3))  # 999.5 of a unit is one of the next
    size = count / 1000**power
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {_UNITS[power - 1]}"


_PLURALS = {"person": "people", "gallery": "galleries", "process": "processes", "loader process": "loader processes"}


def counted(count: int, what: str) -> str:
    """A number and what is counted: ``1 person``, ``2 people``, ``1,000 photos``."""
    return f"{count:,} {what if count == 1 else _PLURALS.get(what, f'{what}s')}"


def counted_are(count: int, what: str) -> str:
    """``counted`` with its verb: ``1 person is``, ``2 people are``."""
    return f"{counted(count, what)} {'is' if count == 1 else 'are'}"


def plain_name(name: str) -> str:
    """A person's name as it is compared: letters in one Unicode form, without case, underscores and double spaces.

    Archives, file systems and spreadsheets write one name in several forms: NFC and NFD look the same.

    >>> plain_name("Zo\\u00eb_Bell") == plain_name("ZOE\\u0308  bell")
    True
    """
    return " ".join(_folded(_folded(name)).replace("_", " ").split())


def _folded(name: str) -> str:
    """Compatible forms as one, without case; twice, because dropping the case can leave letters in two forms."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def names_in_both(one: Iterable[str], other: Iterable[str]) -> list[tuple[str, str]]:
    """Names of ``one`` that are in ``other``, each with how it is written there, as ``plain_name`` compares them."""
    there = {plain_name(name): name for name in other}
    return sorted({name: there[key] for name in one if (key := plain_name(name)) in there}.items())


def spellings(names: Iterable[str]) -> list[tuple[str, str]]:
    """Different names that ``plain_name`` takes for one, each with the first of its spellings, sorted."""
    first: dict[str, str] = {}
    each = [(first.setdefault(plain_name(name), name), name) for name in sorted(set(names))]
    return [(before, name) for before, name in each if before != name]


def look_alike(one: str, other: str) -> bool:
    """Whether two names are written with the same letters, in whatever Unicode form."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def one_line(error: BaseException) -> str:
    """An exception's message on one line; its type where it has none, or cannot say it."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # whatever a plugin raises may fail to say what it is
        text = ""
    return text or type(error).__name__


def os_reason(error: Exception) -> str:
    """Why a file could not be used: what the system says (``Permission denied``), else the exception's message."""
    return getattr(error, "strerror", None) or str(error)


def type_shown(value: object) -> str:
    """What a value is, as messages say it: ``None``, ``a dict``, ``an int``, ``an ndarray``."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"


def typed_line(error: BaseException) -> str:
    """``Type: message`` on one line."""
    name, text = type(error).__name__, one_line(error)
    return name if text == name else f"{name}: {text}"


def differences(before: Any, after: Any, prefix: str = "", form: str = "{} there, {} here") -> list[str]:
    """Where two plain values differ, as ``name X there, Y here``; maps are compared key by key.

    What nobody can read (a hash, a list, a map that only one side has) is not printed: ``name differs``. A value that
    one side lacks is ``none``.

    Args:
        before: what is there already.
        after: what this command would make.
        prefix: names the two.
        form: of the two values.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for key in [*before, *(key for key in after if key not in before)]:
            found += differences(before.get(key), after.get(key), f"{prefix}.{key}" if prefix else str(key), form)
        return found
    if before == after:
        return []
    texts = [_short(value) for value in (before, after)]
    if None in texts:
        return [f"{prefix} differs" if prefix else "they differ"]
    return [f"{prefix} {form.format(*texts)}".strip()]


_LONGEST = 60  # characters of a value that is printed


def _short(value: Any) -> str | None:
    """A value as a user reads it; None for one that says nothing to anybody."""
    if value is None:
        return "none"
    text = repr(value)
    flat = not isinstance(value, Mapping | list | tuple) or all(isinstance(one, str | int | float) for one in value)
    return text if flat and not isinstance(value, Mapping) and len(text) <= _LONGEST else None
