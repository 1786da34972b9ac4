"""Files that somebody else may have made: only regular ones are opened, and never more is read than is expected.

A named pipe would block for ever, a device such as ``/dev/zero`` has no end, and opening some devices does things.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from maskrec.base.system_limits import limit_reached

LARGEST_RECORD = 64 << 20  # bytes of a JSON file that a command or a run writes about itself
LARGEST_TABLE = 4 << 30  # bytes of a CSV or an index, which are read whole
LARGEST_PHOTO = 1 << 30

_PIECE = 1 << 16
# Without O_NONBLOCK opening a named pipe waits for its writer; regular files ignore it.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_descriptor(path: str | Path) -> int:
    """A descriptor of a regular file, for reading; the caller closes it.

    Raises:
        OSError: it cannot be opened, or is not a regular file; ``strerror`` says which.
        MaskrecError: this process, or the system, may not open more files.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if reached := limit_reached(error):  # says nothing about this file
            raise reached from error
        if error.errno == errno.ENXIO:  # a socket
            raise _unfit(path, _kind(os.stat(path).st_mode)) from error  # noqa: PTH116 - speed
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a regular file", str(path))
    raise _unfit(path, _kind(mode))


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file as a stream of bytes.

    Raises:
        OSError: as in ``open_descriptor``.
    """
    return os.fdopen(open_descriptor(path), "rb")


def check_regular(path: str | Path, most: int) -> None:
    """Check a file that a library will open by its name.

    Raises:
        OSError: as in ``open_descriptor``, or it has more than ``most`` bytes.
    """
    descriptor = open_descriptor(path)
    try:
        if os.fstat(descriptor).st_size > most:
            raise _too_large(path, most)
    finally:
        os.close(descriptor)


def read_regular(path: str | Path, most: int) -> bytes:
    """The bytes of a regular file.

    Built on ``os.read``: a stream object's overhead would cost a tenth of decoding a face.

    Args:
        path: of the file.
        most: the largest size that is expected, in bytes.

    Raises:
        OSError: as in ``check_regular``.
    """
    descriptor = open_descriptor(path)
    try:
        piece = os.read(descriptor, _PIECE)
        if len(piece) < _PIECE:  # only the end of a file is that short
            if len(piece) > most:
                raise _too_large(path, most)
            return piece
        if os.fstat(descriptor).st_size > most:
            raise _too_large(path, most)
        pieces, size = [piece], len(piece)
        while pieces[-1]:
            pieces.append(os.read(descriptor, 1 << 24))
            size += len(pieces[-1])
            if size > most:  # it grows, or its size is not known beforehand
                raise _too_large(path, most)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry is a folder, or a link to one; a link that leads nowhere or to itself is not."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; who reads it reports it
        return False


def memory_size() -> int:
    """Bytes of this machine's memory: a file that is read whole cannot be larger. At least 1 GiB."""
    try:
        return max(1 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # a system that does not say
        return 1 << 40


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "something else")


def _unfit(path: str | Path, kind: str) -> OSError:
    return OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def _too_large(path: str | Path, most: int) -> OSError:
    size = f"{most >> 30} GiB" if most >= 1 << 30 else f"{most >> 20} MiB" if most >= 1 << 20 else f"{most} bytes"
    return OSError(errno.EFBIG, f"it has more than {size}, the most that is read of such a file", str(path))
