"""Progress of long work: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from maskrec.base.console import clean

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows one piece of work after another.

    Args:
        console: where to; None for silence.
        count: how a plain line counts, with the fields ``done`` and ``total``.
    """

    def __init__(self, console: Console | None, count: str = "{done}/{total}") -> None:
        self.console, self.count = console, count
        self.description, self.total, self.done, self.first = "", 0, 0, 0
        self.started = self.last_line = time.monotonic()
        self._bar: Bar | None = None
        self._task = TaskID(0)

    def begin(self, description: str, total: int, done: int = 0) -> None:
        """Work begins; what was shown before ends.

        Args:
            description: of the work, in a word or two.
            total: units of it.
            done: units that were done before; they do not count for the pace.
        """
        self.stop()
        self.description, self.total = description, total
        self.last_line = time.monotonic()
        self.continue_from(done)
        if self.console is not None and self.console.is_terminal and not self.console.quiet:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[status]}", markup=False),
                TextColumn("ETA"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(description, total=total, completed=done, status="")
            self._bar.start()

    def continue_from(self, done: int) -> None:
        """The pace is measured from here on; ``done`` units were done before."""
        self.done = self.first = done
        self.started = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def update(self, done: int, status: str, description: str | None = None) -> None:
        """``done`` units are done in all; ``status`` is what else there is to say."""
        self.done = done
        self.description = description or self.description
        if self._bar is not None:
            self._bar.update(self._task, completed=done, status=status, description=self.description)
        elif time.monotonic() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            count = self.count.format(done=done, total=self.total)
            self.line(f"{self.description}  {count}  {status}  ETA {self.remaining()}")

    def note(self, status: str) -> None:
        """What happens now, beside the bar; nothing where there is none."""
        if self._bar is not None:
            self._bar.update(self._task, status=status)

    def line(self, text: str) -> None:
        """One line that stays, as plain text."""
        if self.console is not None:
            self.console.print(Text(clean(text)), highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """The work is over, or failed."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @property
    def seconds(self) -> float:
        """Since the work began or continued; above 0."""
        return max(1e-6, time.monotonic() - self.started)

    def remaining(self) -> str:
        """Time for what is left at the pace so far, as h:mm:ss."""
        seconds = int(self.seconds / max(1, self.done - self.first) * (self.total - self.done))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
