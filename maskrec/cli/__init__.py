"""The ``maskrec`` command: one module per group of commands; each function imports what it needs when it runs."""

from __future__ import annotations


def main() -> None:
    """Run the command line (the console script's entry point)."""
    from maskrec.cli.app import run_app

    run_app()
