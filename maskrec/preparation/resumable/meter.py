"""The progress of work on photos: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

_SECONDS_BETWEEN_LINES = 10.0


class Meter:
    """Counts photos, faces and rejected ones; shows faces per second and the remaining time.

    Args:
        what: the name of the work, such as ``aligning``.
        console: where to print; None for silence.
    """

    def __init__(self, what: str = "working", console: Console | None = None) -> None:
        self.what, self.console = what, console
        self.total = self.done = self.fresh = self.faces = self.rejected = 0
        self.started = self.last_line = time.monotonic()
        self.bar: Progress | None = None
        self.task = TaskID(0)

    def start(self, total: int) -> None:
        """Begin the work; ``total`` photos in all."""
        self.total = total
        self.started = self.last_line = time.monotonic()
        if self.console is not None and self.console.is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn())
            told = TextColumn("{task.fields[told]}", markup=False)
            self.bar = Progress(*columns, told, console=self.console, transient=True)
            self.task = self.bar.add_task(self.what, total=total, told="")
            self.bar.start()

    def skip(self, photos: int) -> None:
        """Count photos that were finished before."""
        self.done += photos
        self.started = time.monotonic()
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done)

    def advance(self, photos: int, faces: int, rejected: int) -> None:
        """Count photos that were finished now."""
        self.done, self.fresh = self.done + photos, self.fresh + photos
        self.faces, self.rejected = self.faces + faces, self.rejected + rejected
        told = f"{self.faces / self.seconds:,.0f} faces/s  {self.rejected} rejected  ETA {self._remaining()}"
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, told=told)
        elif time.monotonic() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            self.say(f"{self.what}  {self.done}/{self.total} photos  {told}")

    def stop(self) -> None:
        """End the work, finished or failed."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def say(self, text: str) -> None:
        """Print one permanent line."""
        if self.console is not None:
            self.console.print(Text(text), highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        """Seconds since the work began."""
        return max(1e-6, time.monotonic() - self.started)

    def _remaining(self) -> str:
        seconds = int(self.seconds / max(1, self.fresh) * (self.total - self.done))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
