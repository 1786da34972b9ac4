"""``failure.json``: why a run ended before its end, for whoever looks at its folder later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from maskrec.base import interrupts
from maskrec.base.errors import MaskrecError, said_on_command_line
from maskrec.base.files import now, write_json
from maskrec.base.words import typed_line
from maskrec.contracts.collectives import rank
from maskrec.runtime.run_directory import RunDirectory
from maskrec.training.processes.distributed import on_rank_zero


@contextmanager
def recording_failure(run: RunDirectory) -> Iterator[None]:
    """Within it, what ends the run early is recorded; the record of an earlier start is removed first.

    Of several processes the first one that fails is the cause. A kill leaves no record.
    """
    on_rank_zero(lambda: run.failure.unlink(missing_ok=True))
    try:
        yield
    except BaseException as error:
        with suppress(Exception):  # a full disk must not hide the reason
            _record(run, error)
        raise


def _record(run: RunDirectory, error: BaseException) -> None:
    if run.failure.exists():
        return
    message, code = _said(error)
    write_json(run.failure, {"at": now(), "exit_code": code, "message": message, "process": rank()})


def _said(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code with which the command line answers."""
    if (signal := interrupts.received()) or isinstance(error, interrupts.INTERRUPTS):
        code = 128 + (signal or 2)
        return "terminated" if code == 143 else "interrupted", code
    if isinstance(error, MaskrecError):
        return said_on_command_line(error), error.exit_code
    return f"unexpected {typed_line(error)}", 1
