"""What is said of the weights of a run that has not finished."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from maskrec.base.errors import MaskrecError
from maskrec.runtime.run_directory import FIRST, RunDirectory, read_json
from maskrec.runtime.state_tree import read_plain_values


def weights_changed(run_dir: Path) -> MaskrecError:
    """The error for a run that wrote other weights while they were opened."""
    if (holder := RunDirectory(run_dir).holder) is not None:
        return MaskrecError(
            f"{run_dir} is still training ({holder}) and wrote new weights while the last ones were opened; wait until "
            "it has finished, or run the same command again"
        )
    return MaskrecError(f"{run_dir} wrote other weights while they were opened; run the same command again")


def unfinished_notes(run_dir: Path, checkpoint: str) -> tuple[str, ...]:
    """A sentence where the run is still training or was stopped; nothing where it has finished.

    Args:
        run_dir: the run directory.
        checkpoint: whose weights were opened: ``best``, ``last`` or ``previous``.
    """
    run = RunDirectory(run_dir)
    if run.result.exists():
        return ()
    state = read_plain_values(run.checkpoint(checkpoint))
    epoch = state.get("epoch") if isinstance(state, dict) else None
    of = f", of epoch {epoch + 1}" if isinstance(epoch, int) else ""
    which = f"its {'best' if checkpoint == 'best' else 'last'} weights"
    if (holder := run.holder) is not None:
        return (f"{run_dir} is still training ({holder}): these are {which} so far{of}",)
    if sys.platform != "linux":  # the system does not say whether a process trains it
        return (f"{run_dir} has not finished: these are {which} so far{of}",)
    return (f"{run_dir} stopped before its end: these are {which}{of}; `{_resume(run_dir)}` continues it",)


def nothing_trained(run_dir: Path) -> str:
    """A sentence for a run without weights of a finished step: what to do until it has some.

    Raises:
        UsageError: its provenance cannot be read.
    """
    run, none = RunDirectory(run_dir), f"{run_dir} has no checkpoint of a finished step yet"
    if FIRST in read_json(run.provenance):
        return f"{run_dir} had a checkpoint and it is gone; put its files back into {run.checkpoint('last').parent}"
    if (holder := run.holder) is not None:
        return f"{none}; it is still training ({holder}): wait for its first"
    return f"{none}; continue it with: {_resume(run_dir)}"


def _resume(run_dir: Path) -> str:
    return shlex.join(["maskrec", "resume", str(run_dir)])
