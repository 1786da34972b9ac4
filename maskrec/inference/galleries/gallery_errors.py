"""What goes wrong with a gallery's file, in one sentence each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.words import one_line

WAIT = 10.0
"""Seconds that another process is waited for."""

_AGAIN = "restore it from a copy, or make the gallery again"


class DamagedGalleryError(ValueError):
    """Something in the file is not as a gallery has it; a part of a sentence."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What goes wrong with the file inside is raised as one sentence.

    Raises:
        UsageError: it is damaged, or may not be read or written.
        MaskrecError: another process holds it, or the disk is full.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):  # a mistake of our own: a closed gallery
        raise
    except sqlite3.Error as error:
        raise _sentence(path, error) from error
    except (DamagedGalleryError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a gallery, or is damaged: {error}; {_AGAIN}") from error


def _sentence(path: Path, error: sqlite3.Error) -> MaskrecError:
    code, said = result_code(error), one_line(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return MaskrecError(f"{path} is in use by another process for more than {WAIT:.0f} seconds; try again later")
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_READ):
        return UsageError(f"{path} is cut off or cannot be read ({said}); {_AGAIN}")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return MaskrecError(f"{path} could not be written ({said}); free some space and run the same command again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return UsageError(f"{path} cannot be opened ({said}); change the permissions of the file and of its folder")
    if code == sqlite3.SQLITE_NOMEM:
        return MaskrecError(f"{path} needs more memory than this machine has free; end other programs")
    return UsageError(f"{path} is not a gallery, or is damaged: {said}; {_AGAIN}")


def result_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors of Python's own."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
