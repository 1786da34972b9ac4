"""Names of people as a gallery takes them: one spelling a person, no hidden characters, of bounded length."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.base.words import plain_name

LONGEST_NAME = 200
"""Characters."""


_ALIKE = 0.9  # share of the letters that two spellings of one name have in common, at least


def near_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that a new one is nearly equal to; None where none is. Names with other digits are others."""
    digits = _digits(name)
    some = (each for each in known if abs(len(each) - len(name)) <= 2 and _ends_alike(each, name))
    near = [each for each in some if _digits(each) == digits]  # all letters of a million names take minutes
    found = difflib.get_close_matches(plain_name(name), map(plain_name, near), 1, _ALIKE)
    return next(each for each in near if plain_name(each) == found[0]) if found else None


def _digits(name: str) -> str:
    return "".join(letter for letter in name if letter.isdigit())


def _ends_alike(one: str, other: str) -> bool:
    return one[:1] == other[:1] or one[-1:] == other[-1:]


def checked_name(name: str) -> str:
    """The name as it is kept: in one Unicode form (NFC), without spaces around it.

    Raises:
        UsageError: it is empty, too long, or has characters that cannot be seen.
    """
    kept = unicodedata.normalize("NFC", name).strip()
    if not plain_name(kept):
        raise UsageError(f"the name {escaped(name[:LONGEST_NAME])!r} is empty; name the person")
    if len(kept) > LONGEST_NAME:
        raise UsageError(f"the name {escaped(kept[:40])}... has {len(kept):,} characters; use {LONGEST_NAME} at most")
    if escaped(kept) != kept:
        raise UsageError(f"the name {escaped(kept)} has characters that cannot be seen; write it without them")
    return kept
