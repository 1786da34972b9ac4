"""Progress of long work: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from maskrec.base.console import clean

_SECONDS_BETWEEN_LINES = 10.0
_SETTLING = 2.0  # seconds after the first finished unit: as many units as there are workers finish at first


class Progress:
    """Shows one piece of work after another.

    Args:
        console: where to; None for silence.
        count: how a plain line counts, with the fields ``done`` and ``total``.
        unit: what is counted, where its pace is shown.
        eta: whether the remaining time is shown; units of very different lengths say nothing of it.
    """

    def __init__(
        self, console: Console | None, count: str = "{done}/{total}", unit: str = "", eta: bool = True
    ) -> None:
        self.console, self.count, self.unit, self.eta = console, count, unit, eta
        self.description, self.total, self.done = "", 0, 0
        self.last_line = time.monotonic()
        self._first: float | None = None  # when a unit was finished for the first time
        self._since, self._before = 0.0, 0  # the pace is measured from this time and this number of units
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
            )
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(description, total=total, completed=done, status="")
            self._bar.start()

    def continue_from(self, done: int) -> None:
        """``done`` units were done before; they do not count for the pace."""
        self.done, self._first = done, None
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def update(self, done: int, status: str, description: str | None = None) -> bool:
        """``done`` units are done in all; ``status`` is what else there is to say.

        Returns:
            Whether a line with it was printed, which stays.
        """
        self._measure(done)
        self.description = description or self.description
        if self._bar is not None:
            text = self._text(status)
            self._bar.update(self._task, completed=done, status=text, description=self.description)
        elif time.monotonic() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            count, text = self.count.format(done=done, total=self.total), self._text(status)
            self.line("  ".join(part for part in (self.description, count, text) if part))
            return True
        return False

    def _text(self, status: str) -> str:
        return "  ".join(part for part in (self._pace_text(), status, self._remaining_text()) if part)

    def _measure(self, done: int) -> None:
        """Count; the time until the first units are finished is that of workers that start, and says nothing."""
        now = time.monotonic()
        if done > self.done and self._first is None:
            self._first = now
        if self._first is not None and (now == self._first or now - self._first < _SETTLING):
            self._since, self._before = now, done
        self.done = done

    def note(self, status: str) -> None:
        """What happens now, shown beside the bar; nothing without a bar."""
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
    def pace(self) -> float | None:
        """Units a second since the first ones were finished; None until that can be said."""
        if self._first is None or self.done <= self._before:
            return None
        return (self.done - self._before) / max(1e-6, time.monotonic() - self._since)

    def _pace_text(self) -> str:
        pace = self.pace if self.unit else None
        return "" if pace is None else f"{pace:,.{0 if pace >= 10 else 1}f} {self.unit}/s"

    def remaining(self) -> str:
        """Time for what is left at the pace so far, as h:mm:ss; "" until a pace can be said."""
        if (pace := self.pace) is None:
            return ""
        seconds = int((self.total - self.done) / pace)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def _remaining_text(self) -> str:
        remaining = self.remaining() if self.eta else ""
        return f"ETA {remaining}" if remaining else ""
