"""What the user sees while a run trains and evaluates."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console

from maskrec.base.progress import Progress
from maskrec.contracts.collectives import rank


class Display:
    """Progress of training and of evaluations.

    Args:
        epochs: number of epochs in the run.
        total: number of optimizer steps in the run.
        done: number of steps already finished.
        console: where to print; standard output by default. Only rank 0 shows anything.
    """

    def __init__(self, epochs: int, total: int, done: int, console: Console | None = None) -> None:
        self.epochs, self.total, self.done = epochs, total, done
        self.status = ""
        self.progress = Progress(console or Console(quiet=rank() != 0, soft_wrap=True), "step {done}/{total}")

    def __enter__(self) -> Display:
        self.progress.begin("training", self.total, self.done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def line(self, text: str) -> None:
        """One line that stays."""
        self.progress.line(text)

    def step(self, epoch: int, step: int, loss: float, rate: float, speed: float) -> None:
        """The numbers up to a step are known; ``speed`` is in images per second."""
        self.status = f"loss {loss:.4f}  lr {rate:.2g}  {speed:,.0f} images/s"
        self.advance(epoch, step)

    def advance(self, epoch: int, step: int) -> None:
        """A step is made, whose numbers may be read later; a line that stays says those of an earlier one once."""
        if self.progress.update(step, self.status, f"epoch {epoch + 1}/{self.epochs}"):
            self.status = ""

    def evaluating(self, text: str) -> None:
        """An evaluation has begun."""
        self.progress.note(text)
