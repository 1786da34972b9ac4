"""Stages of work over photos on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from maskrec.base.progress import Progress


class Stages:
    """Shows one stage after the other; standard output is left to the answer.

    Args:
        console: where to print; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.progress = Progress(console or Console(stderr=True, soft_wrap=True), "{done}/{total} photos", "photos")

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, what: str, total: int) -> Callable[[int], None]:
        """A stage of ``total`` photos begins; the returned function takes how many more are finished."""
        progress = self.progress
        progress.begin(what, total)

        def advance(photos: int) -> None:
            progress.update(progress.done + photos, "")

        return advance
