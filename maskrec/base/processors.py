"""How many processors there are for this process, and who uses them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LIMITED = threading.Lock()


def usable_processors() -> int:
    """The processors that this process may run on, at least 1.

    Linux says which ones a process is bound to; where the system does not (macOS), all of them are counted.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """NumPy's matrix products have one thread each inside, in the whole process.

    For products in threads of our own: NumPy's library would share its threads among them, one product at a time. One
    thread of the process is inside at a time; others wait.
    """
    from threadpoolctl import threadpool_limits

    with _LIMITED, threadpool_limits(1, "blas"):
        yield
