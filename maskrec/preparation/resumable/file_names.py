"""Whether a system and a file system can have the names that a data set's files are to get."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.words import os_reason

_LONGEST = 120  # bytes of a name that is tried
_UNFIT = (errno.EILSEQ, errno.EINVAL)  # what file systems say of characters that they do not have


def refuse_names(names: Iterable[str], folder: Path, encoding: str = "") -> None:
    """Refuse names that cannot be written below ``folder``, before any photo is read for them.

    Args:
        names: of all files, relative.
        folder: where they go; it must exist and be writable. A file is created in it for a moment.
        encoding: of file names in this process; by default the one that Python uses.

    Raises:
        UsageError: names the first, and how to get a system that can have it.
        OSError: the folder cannot be written to.
    """
    encoding = encoding or sys.getfilesystemencoding()
    new: dict[str, str] = {}  # characters that are not ASCII, each with the first name that has it
    for name in names:
        if not name.isascii():
            for character in name:
                if not character.isascii():
                    new.setdefault(character, name)
    for character, name in new.items():
        try:
            character.encode(encoding, "surrogateescape")
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{folder}: the file {name!r} cannot have its name, because file names are {encoding} here; set "
                "PYTHONUTF8=1 or LC_ALL=C.UTF-8 and run the same command again, or write tars with --tars"
            ) from error
    _try(new, folder)


def _try(new: dict[str, str], folder: Path) -> None:
    for tried in _pieces(new):
        try:
            _create(folder, tried)
        except OSError as error:
            if error.errno not in _UNFIT:
                raise
            _name_the_first(tried, new, folder)


def _name_the_first(tried: str, new: dict[str, str], folder: Path) -> None:
    for character in tried:
        try:
            _create(folder, character)
        except OSError as error:
            raise UsageError(
                f"{folder}: its file system cannot have the name {new.get(character, character)!r} "
                f"({os_reason(error)}); choose a folder on another disk, or write tars with --tars"
            ) from error


def _create(folder: Path, name: str) -> None:
    path = folder / f"name-{os.getpid()}-{name}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    path.unlink(missing_ok=True)


def _pieces(characters: Iterable[str]) -> Iterator[str]:
    """All characters, in names that are short enough."""
    piece = ""
    for character in characters:
        if len((piece + character).encode("utf-8", "surrogateescape")) > _LONGEST:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece
