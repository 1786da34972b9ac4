"""How many processors there are for this process."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """The processors that this process may run on, at least 1.

    Linux says which ones a process is bound to; where the system does not (macOS), all of them are counted.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
