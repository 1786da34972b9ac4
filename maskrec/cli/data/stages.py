"""Stages of work over photos on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

_SECONDS_BETWEEN_LINES = 10.0


class Stages:
    """Shows the progress of each stage; standard output is left to the result.

    Args:
        console: where to print; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, soft_wrap=True)
        self.bar: Progress | None = None

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def begin(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a stage of ``total`` photos; the returned function is called with how many more are finished."""
        self._stop()
        return self._bar(what, total) if self.console.is_terminal else self._lines(what, total)

    def _bar(self, what: str, total: int) -> Callable[[int], None]:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            TextColumn("ETA"),
            TimeRemainingColumn(),
        )
        bar = self.bar = Progress(*columns, console=self.console, transient=True)
        task = bar.add_task(what, total=total, told="")
        bar.start()
        started, done = time.monotonic(), 0

        def advance(photos: int) -> None:
            nonlocal done
            done += photos
            bar.update(task, completed=done, told=_speed(done, started))

        return advance

    def _lines(self, what: str, total: int) -> Callable[[int], None]:
        started = last = time.monotonic()
        done = 0

        def advance(photos: int) -> None:
            nonlocal done, last
            done += photos
            now = time.monotonic()
            if now - last > _SECONDS_BETWEEN_LINES:
                last = now
                left = int((now - started) / max(1, done) * (total - done))
                line = f"{what}  {done}/{total} photos  {_speed(done, started)}  ETA {left // 60}:{left % 60:02}"
                self.console.print(Text(line), highlight=False)

        return advance

    def _stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def _speed(done: int, started: float) -> str:
    return f"{done / max(1e-6, time.monotonic() - started):,.0f} photos/s"
