"""A large file read piece by piece, by several processes at once, without ever holding it whole."""

from __future__ import annotations

import os
import stat
import weakref
from pathlib import Path
from typing import Any, Protocol

from maskrec.base.errors import UsageError


class Readable(Protocol):
    """Something read by position: a file here or elsewhere. ``path`` is what messages call it."""

    @property
    def path(self) -> Path | str:
        """Its place."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``; UsageError where they are not there."""


class RandomAccessFile:
    """Reads stretches of a file by position (``pread``), so that threads and forked processes may share it.

    Pickles as its path: a loader worker opens the file for itself, when it first reads.

    Args:
        path: of a regular file.

    Raises:
        UsageError: it is missing, not a file or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{path}: not a file; name the file itself")
            self._open()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(f"{path}: cannot be read ({reason}); check its name and your rights") from error
        self.size = status.st_size

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``; what asks for more than the file has is refused before any memory is taken.

        Raises:
            UsageError: the stretch is not in the file, or the file cannot be read or has become shorter.
        """
        if offset < 0 or count < 0 or offset + count > self.size:
            raise UsageError(
                f"{self.path}: cut short or damaged: bytes {offset} to {offset + count} are wanted of "
                f"{self.size}; fetch the file again"
            )
        pieces = []
        try:
            handle = self._open()
            while count:
                piece = os.pread(handle, count, offset)
                if not piece:
                    raise UsageError(
                        f"{self.path}: ends at byte {offset} by now; something shortens it while it is read"
                    )
                pieces.append(piece)
                offset += len(piece)
                count -= len(piece)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read at byte {offset} ({error.strerror or error})") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _open(self) -> int:
        if self._handle is None:
            self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._handle)
        return self._handle

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.size, self._handle = state["path"], state["size"], None
