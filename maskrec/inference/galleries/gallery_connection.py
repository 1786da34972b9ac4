"""Opening a gallery's SQLite file: nothing in it is trusted, and what SQLite says becomes one sentence.

**Reading** changes nothing in the file. Beside it, where the folder allows that, SQLite puts ``-wal`` and ``-shm``, by
which readers and writers know of each other. In a folder or on a disk that cannot be written that cannot be known, so
the file is taken as one that nobody changes: with what a log beside it holds, where there is one (its index is made in
memory then), and as it is otherwise. If it was changed after all, by somebody who may, what was read is not used.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.processors import usable_processors
from maskrec.inference.galleries.gallery_errors import WAIT, DamagedGalleryError, explained, result_code
from maskrec.inference.galleries.gallery_header import beside, require_header, require_writable
from maskrec.inference.galleries.gallery_schema import require_schema

_CHECKED_WHOLE = 64 << 20  # bytes; of a larger file what is read is checked when it is read
_SETTINGS = (
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "mmap_size = 0",
    "secure_delete = ON",
    "temp_store = MEMORY",
)
_NOT_SHARED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_ALONE = ("mode=ro&vfs=unix-none", "mode=ro&immutable=1")
_REVISION = "SELECT revision FROM gallery"
_READERS = 4  # connections at most that read at once


class GalleryConnection:
    """A connection to a gallery's file, whose schema was compared.

    Args:
        path: the file.
        write: whether it may be changed.

    Raises:
        UsageError: it is not a gallery, is damaged, or may not be read or written.
        MaskrecError: another process holds it.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path, self._write = path, write
        size = require_header(path)
        if write:
            require_writable(path)
        self._alone: list[object] | None = None
        self._mode = "mode=ro"  # of further connections for reading
        self._large = size > _CHECKED_WHOLE
        with explained(path):
            self.sqlite = self._opened("mode=rw") if write else self._opened_for_reading()
            try:
                self._prepare(write, size)
            except BaseException:
                self.sqlite.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """All that is read inside is of one moment.

        Raises:
            UsageError, MaskrecError: as ``explained``; or the file was changed by somebody who could not be seen.
        """
        with explained(self.path), _transaction(self.sqlite, "DEFERRED"):
            yield self.sqlite
        if self._alone is not None and self._alone != _signature(self.path):
            raise MaskrecError(f"{self.path} was changed while it was read; run the same command again")

    @contextmanager
    def reading_at_once(self) -> Iterator[list[sqlite3.Connection]]:
        """Connections for as many threads, all of which see one moment; of a small file it is one.

        Raises:
            UsageError, MaskrecError: as ``reading``.
        """
        with self.reading() as first, ExitStack() as stack:
            readers = [first]
            for _ in range(min(usable_processors(), _READERS) - 1 if self._large else 0):
                with suppress(sqlite3.Error):  # one reader is enough
                    another = self._opened(self._mode)
                    stack.callback(another.close)
                    another.execute("BEGIN DEFERRED")
                    # Every change counts the revision up in its own transaction.
                    if another.execute(_REVISION).fetchone() == first.execute(_REVISION).fetchone():
                        readers.append(another)
            yield readers

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is done inside, or nothing of it; after the end it is on the disk.

        Raises:
            UsageError, MaskrecError: as ``explained``.
        """
        with explained(self.path), _transaction(self.sqlite, "IMMEDIATE"):
            yield self.sqlite

    def close(self) -> None:
        """Nothing can be asked of it afterwards. Files that only reading put beside the gallery are removed."""
        self.sqlite.close()
        if not self._write and self._alone is None:
            _remove_empty_log(self.path)

    def _opened(self, mode: str) -> sqlite3.Connection:
        connection = connect(self.path, mode)
        try:
            require_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened_for_reading(self) -> sqlite3.Connection:
        try:
            return self._opened(self._mode)
        except sqlite3.Error as error:
            if result_code(error) not in _NOT_SHARED:
                raise
            self._alone = _signature(self.path)
            self._mode = _ALONE[0] if _size(beside(self.path, "-wal")) else _ALONE[1]
            return self._opened(self._mode)

    def _prepare(self, write: bool, size: int) -> None:
        if size <= _CHECKED_WHOLE and (found := self.sqlite.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise DamagedGalleryError(" ".join(str(found).split())[:200])
        if not write:
            self.sqlite.execute("PRAGMA query_only = ON")
            return
        self.sqlite.execute("PRAGMA synchronous = FULL")
        if self.sqlite.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise UsageError(
                f"{self.path} is on a file system that cannot hold a gallery in use; move it to a local disk"
            )


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit mode that distrusts the file; the schema is not compared yet.

    Args:
        path: the file.
        mode: parameters of SQLite's URI: ``mode=rw``.
    """
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{mode}", uri=True, timeout=WAIT, isolation_level=None,
        check_same_thread=False,  # one thread at a time uses it
    )  # fmt: skip
    if defensive := getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", None):  # from Python 3.12 on
        connection.setconfig(defensive)  # type: ignore[attr-defined]
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if mode == _ALONE[0]:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a log's index in memory, not in a file
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _remove_empty_log(path: Path) -> None:
    """Remove an empty ``-wal`` with its ``-shm``, unless somebody uses them.

    SQLite does that under its own locks, when the last connection that may write is closed.
    """
    log = beside(path, "-wal")
    if not log.exists() or _size(log) or not all(os.access(each, os.W_OK) for each in (path, log.parent)):
        return
    with suppress(sqlite3.Error, DamagedGalleryError):
        connection = connect(path, "mode=rw")
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            require_schema(connection)
        finally:
            connection.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _signature(path: Path) -> list[object]:
    """What changes when somebody writes to the file or its log."""
    found: list[object] = []
    for each in (path.resolve(), beside(path, "-wal")):
        try:
            state = each.stat()
            found.append((state.st_ino, state.st_size, state.st_mtime_ns))
        except OSError:
            found.append(None)
    return found
