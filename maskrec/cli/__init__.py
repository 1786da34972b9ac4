"""The ``maskrec`` command: one module per group of commands; each function imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> None:
    """Run the command line (the console script's entry point)."""
    try:
        from maskrec.base import console, interrupts

        interrupts.install()
        console.open_closed_streams()
        from maskrec.cli.app import run_app

        run_app()
    except SystemExit as error:
        if not isinstance(error.code, int):
            raise
        if interrupts.received():
            _leave(error.code)
        if "torch" in sys.modules and sys.getprofile() is None:  # a profiler writes its file later
            _end(error.code)
        raise
    except BaseException as error:  # an interrupt breaks imports in ways that look like anything
        if not isinstance(error, KeyboardInterrupt) and not interrupts.received():
            raise
        _leave(interrupts.report())


def _end(code: int) -> NoReturn:
    """End as an interpreter does, less the last part: the taking apart of modules and of C++ libraries.

    A thread that is still in C++ code, or that a library has not joined, aborts the process there ("terminate called
    without an active exception"), after all work was done and said.
    """
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    _flush()
    os._exit(code)


def _leave(code: int) -> NoReturn:
    """End an interrupted process at once: threads that are still in C++ code may abort an orderly end."""
    import multiprocessing

    for child in multiprocessing.active_children():
        child.terminate()
    _flush()
    os._exit(code)


def _flush() -> None:
    """Write what the standard streams still hold."""
    import contextlib

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
