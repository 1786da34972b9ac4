"""Files written whole or not at all, and folders that one process owns at a time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from maskrec.base.errors import MaskrecError


def write_atomically(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Write beside the file, bring it to the disk, then put it in the file's place.

    Args:
        path: the file; its folder exists.
        write: writes the whole content to the path it is given.
        durable: whether to wait until the disk has it, so that it outlives a power cut, not only a kill.

    Raises:
        MaskrecError: the disk is full or not writable; the file before stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        if durable:
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        what = error.strerror or str(error)
        raise MaskrecError(f"{path} could not be written: {what}; make room and run the same command again") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, atomically.

    Raises:
        ValueError: a number that is not finite, for which JSON has no word; nothing is written.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Lock:
    """A file that one process holds until it ends, however it ends.

    Args:
        path: the lock file; made where it is absent, its folder exists.
        owner: where the holder says who it is, as JSON; by default the lock file itself.
        what: names the locked thing in messages.
    """

    path: Path
    what: str
    owner: Path | None = None
    _stream: TextIO | None = field(default=None, repr=False)

    def take(self) -> None:
        """Take it for this process.

        Raises:
            MaskrecError: another process has it; says who.
        """
        import fcntl

        stream = self.path.open("a+", encoding="utf-8")
        try:
            # A record lock: not inherited by loader workers, which outlive a killed process by seconds.
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.close()
            raise MaskrecError(
                f"{self.what} is in use by {self._holder()}; wait for it or choose another folder"
            ) from error
        self._stream = stream
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        if self.owner is not None:
            write_json(self.owner, holder)
        else:
            stream.truncate(0)
            stream.write(json.dumps(holder))
            stream.flush()

    def give_back(self) -> None:
        """Let others have it."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _holder(self) -> str:
        try:
            holder = json.loads((self.owner or self.path).read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError):
            return "another process"
