"""Files written atomically, and folders that one process owns at a time."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

from maskrec.base.errors import MaskrecError
from maskrec.base.plain_json import read_json_object
from maskrec.base.words import os_reason

_T = TypeVar("_T")


def write_atomically(
    path: Path, write: Callable[[Path], _T], *, durable: bool = True, temporary: Path | None = None
) -> _T:
    """Write a temporary file, flush it to disk, then move it to the file's place.

    Args:
        path: the file; its folder must exist.
        write: writes the whole content to the path that it receives.
        durable: whether to wait until it is on disk, so that it survives a power cut, not only a kill.
        temporary: the temporary file, on the same file system; by default a hidden one beside the file.

    Returns:
        What ``write`` returns.

    Raises:
        MaskrecError: the disk is full or not writable; the previous file stays as it was.
    """
    temporary = temporary or path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        written = write(temporary)
        if durable:
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
        return written
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> MaskrecError:
    """The sentence for a file that could not be written."""
    return MaskrecError(
        f"{path} could not be written: {os_reason(error)}; free some space and run the same command again"
    )


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


def json_bytes(value: Any) -> bytes:
    """Indented JSON with a final line feed, as people read it."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def compact_json(value: Any) -> bytes:
    """JSON on one line without spaces, as programs keep it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, atomically.

    Raises:
        ValueError: a number that is not finite, which JSON cannot hold; nothing is written.
    """
    write_bytes(path, json_bytes(value))


def expand_home(text: str) -> str:
    """A path with a leading ``~`` or ``~user`` as that home folder; unchanged where that user does not exist."""
    return os.path.expanduser(text) if text.startswith("~") else text  # noqa: PTH111 - it never raises


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove temporary files that killed processes left; the caller holds the folder's lock.

    Args:
        folder: searched with all that is below it.
        name: of the files that were being written; a pattern.
    """
    for path in folder.rglob(f".{name}.part"):
        if re.fullmatch(r"\..+\.[0-9]+\.part", path.name):
            path.unlink(missing_ok=True)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Lock:
    """A file that one process holds until it ends, however it ends.

    Args:
        path: the lock file; created if it does not exist, its folder must exist.
        owner: the file in which the holder identifies itself, as JSON; by default the lock file.
        what: what messages call the locked thing.
    """

    path: Path
    what: str
    owner: Path | None = None
    _stream: TextIO | None = field(default=None, repr=False)

    def take(self) -> None:
        """Acquire the lock for this process.

        Raises:
            MaskrecError: another process holds it; the message says which.
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
        import socket  # costs `maskrec list` 5 ms

        self._stream = stream
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        if self.owner is not None:
            write_json(self.owner, holder)
        else:
            stream.truncate(0)
            stream.write(json.dumps(holder))
            stream.flush()

    def give_back(self) -> None:
        """Release the lock."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def holder(self) -> str | None:
        """Which other process has the lock, in words; None where none has it, and where the system does not tell.

        It is asked for and not taken. Nothing is opened where this process was the last to have it: a process loses
        its lock when it closes any handle of the file.
        """
        import fcntl
        import struct

        try:
            if sys.platform != "linux" or read_json_object(self.owner or self.path).get("pid") == os.getpid():
                return None
        except (OSError, ValueError):
            pass  # the lock alone says whether somebody has it
        form = "hhqqi"  # struct flock: type, whence, start, length, process
        try:
            with self.path.open("rb") as stream:
                asked = struct.pack(form, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
                kind = struct.unpack(form, fcntl.fcntl(stream, fcntl.F_GETLK, asked))[0]
        except (OSError, struct.error):
            return None
        return None if kind == fcntl.F_UNLCK else self._holder()

    def _holder(self) -> str:
        try:
            holder = read_json_object(self.owner or self.path)
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError):
            return "another process"
