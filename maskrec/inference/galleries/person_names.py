"""Names of people as a gallery takes them: one spelling a person, no hidden characters, of bounded length."""

from __future__ import annotations

import unicodedata

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.base.words import plain_name

LONGEST_NAME = 200
"""Characters."""


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
