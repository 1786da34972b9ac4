"""Keep the memory that tensors release, instead of requesting it from the system again at every step."""

from __future__ import annotations

import ctypes
import os

# mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_SAID_BY_USER = ("GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Make the C library keep freed memory for the next tensor of that size, in this process from now on.

    By default glibc returns every large block to the system, which clears each page before handing it out again: on a
    CPU a step of a small network spends more time on this than on computing. The process stays at its largest size.
    Environment variables that set something else (``MALLOC_..._``, ``GLIBC_TUNABLES``) are respected.

    Returns:
        Whether it does: False where the C library is not glibc, or the environment says how to allocate.
    """
    if any(name in os.environ for name in _SAID_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))
