"""The ``maskrec`` command: one module per group of commands; each function imports what it needs when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line (the console script's entry point)."""
    try:
        from maskrec.base import console, interrupts

        interrupts.install()
        console.open_closed_streams()
        from maskrec.cli.app import run_app

        run_app()
    except SystemExit:
        raise
    except BaseException as error:  # an interrupt breaks imports in ways that look like anything
        if not isinstance(error, KeyboardInterrupt) and not interrupts.received():
            raise
        sys.exit(_interrupted())


def _interrupted() -> int:
    from maskrec.base import interrupts

    return interrupts.report()
