"""What the operating system allows a process: open files and shared memory, named when they are used up."""

from __future__ import annotations

import contextlib
import errno
import os
import weakref
from collections.abc import Iterator

from maskrec.base.errors import MaskrecError
from maskrec.base.words import os_reason

try:
    import resource
except ImportError:  # Windows, which does not have this limit
    resource = None  # type: ignore[assignment]

_MANY = 1 << 16  # more than any set has shards, and fewer than what slows programs that close every descriptor
_FULL = (errno.EMFILE, errno.ENFILE)
_SPARE = 4  # one part in four of the descriptors is kept open, the rest is for everything else

_kept = [0]


def open_files_limit() -> int:
    """How many files this process may have open at once."""
    if resource is None:
        return _MANY
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else soft


def raise_open_files_limit() -> None:
    """Raise this process's soft limit of open files as far as its hard limit allows, to 65,536 at most."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MANY if hard == resource.RLIM_INFINITY else min(hard, _MANY)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def may_keep_open(owner: object) -> bool:
    """Whether ``owner`` may keep one more descriptor until it is gone; else it must open its file for each use.

    A set of a thousand shards would otherwise take every descriptor that a process has.
    """
    if _kept[0] >= open_files_limit() // _SPARE:
        return False
    _kept[0] += 1
    weakref.finalize(owner, _release).atexit = False
    return True


def _try_for(workers: int) -> None:
    """Take, and give back, about as many descriptors and semaphores as worker processes need."""
    import multiprocessing  # costs `maskrec list` 10 ms

    multiprocessing.Lock()
    taken = []
    try:
        for _ in range(8 + 8 * workers):
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise OSError(error.errno, error.strerror) from error  # not about that file
    finally:
        for descriptor in taken:
            os.close(descriptor)


def _release() -> None:
    _kept[0] -= 1


def limit_reached(error: OSError) -> MaskrecError | None:
    """The sentence for an error that says no more files can be opened; None for every other error."""
    if error.errno not in _FULL:
        return None
    if error.errno == errno.ENFILE:
        return MaskrecError("the whole system has too many files open; end other programs, or raise fs.file-max")
    limit = open_files_limit()
    return MaskrecError(
        f"this process may have {limit} files open and needs more; run `ulimit -n {max(4096, 2 * limit)}` before the "
        "same command, or use fewer workers"
    )


@contextlib.contextmanager
def limits_named(remedy: str, workers: int = 0) -> Iterator[None]:
    """Worker processes are started here: what the system refuses is said by name.

    Args:
        remedy: how to do without them, as in ``train.workers=0``.
        workers: how many; what they need is tried before, because the libraries that start them leave half of
            their work, and a traceback when it is cleaned up.

    Raises:
        MaskrecError: too many open files, or no shared memory.
    """
    try:
        if workers:
            _try_for(workers)
        yield
    except OSError as error:
        if error.filename is not None or isinstance(error, (ConnectionError, BrokenPipeError)):
            raise
        raise limit_reached(error) or MaskrecError(
            f"worker processes cannot be started: the system gives them no semaphores or shared memory "
            f"({os_reason(error)}); make /dev/shm writable (docker run --shm-size=1g), or use {remedy}"
        ) from error
