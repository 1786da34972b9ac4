"""Opening a gallery's SQLite file: nothing in it is trusted, and what SQLite says becomes one sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.regular_files import memory_size, open_regular
from maskrec.base.words import one_line
from maskrec.inference.galleries.gallery_schema import APPLICATION_ID, FORMAT, DamagedGalleryError, require_schema

WAIT = 10.0
"""Seconds that another process is waited for."""

_MAGIC = b"SQLite format 3\0"


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit mode that distrusts the file; the schema is not compared yet.

    Args:
        path: the file.
        mode: parameters of SQLite's URI: ``mode=rw``.
    """
    address = f"file:{quote(str(path.absolute()))}?{mode}"
    connection = sqlite3.connect(address, uri=True, timeout=WAIT, isolation_level=None)
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}").close()
    return connection


def open_connection(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection to a gallery, whose schema was compared.

    Raises:
        UsageError: it is not a gallery, is damaged, or may not be written.
        MaskrecError: another process holds it.
    """
    _require_header(path)
    with explained(path):
        connection = connect(path, "mode=rw" if write else "mode=ro")
        try:
            require_schema(connection)
            if write:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA journal_mode = WAL")
            else:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _require_header(path: Path) -> None:
    """Look at the file's first bytes, so that another program's database is not even opened.

    Raises:
        UsageError: it is not a gallery.
    """
    try:
        with open_regular(path) as stream:
            header = stream.read(100)
            size = stream.seek(0, 2)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist; name a gallery, or make it with maskrec gallery add") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); name a gallery") from error
    if not header.startswith(_MAGIC) or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise UsageError(f"{path} is not a gallery; name one, or another file to make it in")
    version = int.from_bytes(header[60:64], "big")
    if version != FORMAT:
        raise UsageError(f"{path} is a gallery of format {version}, and this maskrec reads {FORMAT}; update maskrec")
    if size > memory_size():
        raise UsageError(f"{path} is larger than this machine's memory; use a larger machine")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What goes wrong with the file inside is raised as one sentence.

    Raises:
        UsageError: it is damaged or may not be written.
        MaskrecError: another process holds it, or the disk is full.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _sentence(path, error) from error
    except (DamagedGalleryError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is damaged or is not a gallery: {error}; restore it from a copy") from error


def _sentence(path: Path, error: sqlite3.Error) -> MaskrecError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return MaskrecError(f"{path} is in use by another process, for more than {WAIT:.0f} seconds; try again later")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return MaskrecError(f"{path} could not be written ({one_line(error)}); free some space and try again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return UsageError(f"{path} cannot be opened ({one_line(error)}); check the permissions of it and its folder")
    return UsageError(f"{path} is damaged ({one_line(error)}); restore it from a copy, or make the gallery again")


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """All that is done inside, or nothing of it; after the end it is on the disk."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
