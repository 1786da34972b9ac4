"""A large file read piece by piece, by several processes at once, without loading it whole."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any, Protocol

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_descriptor
from maskrec.base.system_limits import may_keep_open
from maskrec.base.words import os_reason


class Readable(Protocol):
    """Something read by position: a local or remote file. ``path`` is its name in messages."""

    @property
    def path(self) -> Path | str:
        """Its place."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``; UsageError where they are missing."""


class RandomAccessFile:
    """Reads byte ranges of a file (``pread``), so that threads and forked processes may share it.

    Pickled as its path: each loader worker opens the file when it first reads.

    Args:
        path: of a regular file.

    Raises:
        UsageError: it is missing, not a file or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        try:
            handle, kept = self._open()
            self.size = os.fstat(handle).st_size
            if not kept:
                os.close(handle)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read ({os_reason(error)}); check its name and permissions") from error

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``; a request beyond the file's end is rejected before any memory is allocated.

        Raises:
            UsageError: the range is not in the file, or the file cannot be read or has become shorter.
        """
        if offset < 0 or count < 0 or offset + count > self.size:
            raise UsageError(
                f"{self.path}: truncated or damaged: bytes {offset} to {offset + count} were requested "
                f"of {self.size}; download the file again"
            )
        pieces = []
        handle, kept = self._handle, True
        try:
            if handle is None:
                handle, kept = self._open()
            while count:
                piece = os.pread(handle, count, offset)
                if not piece:
                    raise UsageError(
                        f"{self.path}: now ends at byte {offset}; another program shortened it while it was read"
                    )
                pieces.append(piece)
                offset += len(piece)
                count -= len(piece)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read at byte {offset} ({os_reason(error)})") from error
        finally:
            if not kept and handle is not None:
                os.close(handle)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _open(self) -> tuple[int, bool]:
        """A descriptor, and whether it stays open: not where this process keeps enough of them already."""
        handle = open_descriptor(self.path)
        kept = may_keep_open(self)
        if kept:
            weakref.finalize(self, os.close, handle)
            self._handle = handle
        return handle, kept

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.size, self._handle = state["path"], state["size"], None
