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
        if not interrupts.received() or not isinstance(error.code, int):
            raise
        _leave(error.code)
    except BaseException as error:  # an interrupt breaks imports in ways that look like anything
        if not isinstance(error, KeyboardInterrupt) and not interrupts.received():
            raise
        _leave(interrupts.report())


def _leave(code: int) -> NoReturn:
    """End an interrupted process at once: threads that are still in C++ code may abort an orderly end."""
    import contextlib
    import multiprocessing

    for child in multiprocessing.active_children():
        child.terminate()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    os._exit(code)
