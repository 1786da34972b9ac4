"""What the user sees while a run works: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from maskrec.contracts.collectives import rank

_SECONDS_BETWEEN_LINES = 10.0


class Display:
    """Progress of training and of evaluations.

    Args:
        epochs: of the run.
        total: optimizer steps of the run.
        done: steps finished before.
        console: where to print; standard output by default. Only rank 0 prints anything.
    """

    def __init__(self, epochs: int, total: int, done: int, console: Console | None = None) -> None:
        self.console = console or Console(quiet=rank() != 0, soft_wrap=True)
        self.epochs, self.total, self.done = epochs, total, done
        self.last_line = time.monotonic()
        self.started, self.first = time.monotonic(), done
        self.bar: Progress | None = None
        if self.console.is_terminal and rank() == 0:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[told]}", markup=False),
                TextColumn("ETA"),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task("training", total=total, completed=done, told="")

    def __enter__(self) -> Display:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def line(self, text: str) -> None:
        """Print one permanent line."""
        self.console.print(Text(text), highlight=False)

    def step(self, epoch: int, step: int, loss: float, rate: float, speed: float) -> None:
        """A step has finished; ``speed`` is in images per second."""
        self.done = step
        told = f"loss {loss:.4f}  lr {rate:.2g}  {speed:,.0f} images/s"
        if self.bar is not None:
            self.bar.update(self.task, completed=step, description=f"epoch {epoch + 1}/{self.epochs}", told=told)
        elif time.monotonic() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            self.line(f"epoch {epoch + 1}/{self.epochs}  step {step}/{self.total}  {told}  ETA {self._remaining()}")

    def _remaining(self) -> str:
        """Time for the remaining steps at the pace so far, as h:mm:ss."""
        pace = (time.monotonic() - self.started) / max(1, self.done - self.first)
        seconds = int(pace * (self.total - self.done))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def evaluating(self, text: str) -> None:
        """An evaluation has begun."""
        if self.bar is not None:
            self.bar.update(self.task, told=text)
