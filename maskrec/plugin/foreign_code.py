"""While a plugin is imported or declares its components: it can neither spoil our output nor end the program unseen."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from maskrec.base.console import say

PATIENCE = 15.0  # seconds until the plugin is named on stderr; importing torch on a busy machine takes less


@contextlib.contextmanager
def foreign_code(who: str | None) -> Iterator[None]:
    """The block runs a plugin's code. Its output goes to stderr, also that of C code and of processes it starts.

    After ``PATIENCE`` a line on stderr says whose code is still running. ``os._exit`` raises ``SystemExit`` here, so
    that it is reported like any other failure.

    Args:
        who: names the plugin; None for the built-in components, whose code needs no watching.
    """
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
        if who is not None:
            for guard in (_output_kept(), _named_when_slow(who), _exit_refused()):
                stack.enter_context(guard)
        yield


@contextlib.contextmanager
def _output_kept() -> Iterator[None]:
    """File descriptor 1 leads to stderr."""
    try:
        sys.__stdout__.flush()  # type: ignore[union-attr]
        ours = os.dup(1)
    except (AttributeError, OSError, ValueError):  # no standard output to keep
        yield
        return
    try:
        with contextlib.suppress(OSError):  # no standard error: the output is as it was
            os.dup2(2, 1)
        yield
    finally:
        _flush_c_output()
        os.dup2(ours, 1)
        os.close(ours)


def _flush_c_output() -> None:
    """Empty the buffers of C's own output, which would otherwise reach our output when the program ends."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def _named_when_slow(who: str) -> Iterator[None]:
    import threading

    line = f"maskrec: still loading {who} after {PATIENCE:g} seconds"
    timer = threading.Timer(PATIENCE, say, (line,), {"error": True, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _exit_refused() -> Iterator[None]:
    process, leave = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that the plugin forked
            leave(status)
        raise SystemExit(f"os._exit({status}) was called")

    place: Any = os
    place._exit = refuse
    try:
        yield
    finally:
        place._exit = leave
