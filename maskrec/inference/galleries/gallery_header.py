"""What is looked at before a gallery's file is opened as a database."""

from __future__ import annotations

import os
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import memory_size, open_regular
from maskrec.base.words import os_reason
from maskrec.inference.galleries.gallery_schema import APPLICATION_ID, FORMAT, PAGE

_MAGIC = b"SQLite format 3\0"
_GIVE = "give the path of a gallery, or of a new file to create one"


def require_header(path: Path) -> int:
    """Look at the file's first bytes, so that another program's database is not even opened; returns its size.

    Raises:
        UsageError: it is not a gallery.
    """
    try:
        with open_regular(path) as stream:
            header = stream.read(100)
            complete = not os.path.lexists(wal := beside(path, "-wal")) or not wal.stat().st_size
            size = os.fstat(stream.fileno()).st_size  # after the log: it is emptied when all of it is in the file
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist; name a gallery, or make it with maskrec gallery add") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({os_reason(error)}); name a gallery") from error
    if not header:
        raise UsageError(f"{path} is an empty file, not a gallery; {_GIVE}")
    if not header.startswith(_MAGIC) or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise UsageError(f"{path} is not a gallery; {_GIVE}")
    if (version := int.from_bytes(header[60:64], "big")) != FORMAT:
        raise UsageError(f"{path} is a gallery of format {version}, and this maskrec reads {FORMAT}; update maskrec")
    if int.from_bytes(header[16:18], "big") != PAGE:
        raise UsageError(f"{path} was not made by maskrec: its pages are not of {PAGE} bytes; make the gallery again")
    if size > memory_size():
        raise UsageError(f"{path} is larger than this machine's memory; use a larger machine")
    if complete and size < PAGE * int.from_bytes(header[28:32], "big"):
        raise UsageError(f"{path} is cut off: a part of it is missing; restore it from a copy")
    journal = beside(path, "-journal")
    if os.path.lexists(journal):  # SQLite would play it back, and delete a file that it names
        raise UsageError(f"{journal} does not belong beside a gallery; remove it")
    return size


def require_writable(path: Path) -> None:
    """Refuse to change what is read-only, before SQLite opens it for reading instead.

    Raises:
        UsageError: the file, its folder or its disk is read-only.
    """
    for place, what in ((path, "file"), (path.resolve().parent, "folder")):
        if os.access(place, os.W_OK):
            continue
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            raise UsageError(f"{path} cannot be changed: its disk is mounted read-only; copy it to another disk")
        raise UsageError(f"{path} cannot be changed: its {what} is read-only; change its permissions, or copy it")


def beside(path: Path, ending: str) -> Path:
    """A file that SQLite puts beside the one that ``path`` leads to."""
    real = path.resolve()
    return real.with_name(real.name + ending)
