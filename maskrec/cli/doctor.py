"""``doctor``: what is installed here and what is wrong with it."""

from __future__ import annotations


def doctor(strict: bool = False) -> None:
    """Check this installation; works with everything broken."""
