"""What a run says as it goes: rows of metrics.jsonl, events for observers, figures, lines and a bar on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from maskrec.base.errors import MaskrecError
from maskrec.base.files import write_bytes
from maskrec.contracts.collectives import rank
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped, Stop
from maskrec.inference.evaluating.evaluation_values import write_evaluation, write_figures
from maskrec.inference.evaluating.result_tables import final_tables
from maskrec.training.records.display import Display
from maskrec.training.records.observing import Observers
from maskrec.training.records.recording import Recorder
from maskrec.training.records.summary import epoch_line


@dataclass(frozen=True)
class RunLog:
    """Records each event, shows it and hands it to the observers; returns the first ``Stop`` of theirs.

    Events count epochs from 0, as samplers and draws do; rows, lines and names of figures count them from 1.

    Args:
        recorder: of ``metrics.jsonl``.
        observers: the recipe's.
        display: what the user sees.
        figures: the folder for evaluators' figures.
        evaluations: the folder for what evaluators answer, as reports and comparisons read it.
    """

    recorder: Recorder
    observers: Observers
    display: Display
    figures: Path
    evaluations: Path

    def started(self, event: Started) -> Stop | None:
        """The run begins or continues."""
        return self.observers.notify("on_start", event)

    def stepped(self, event: Stepped, skipped: int = 0, peak_memory: int | None = None) -> Stop | None:
        """A row is due.

        Args:
            event: what observers receive.
            skipped: how many of its steps changed nothing, because something in them was not finite.
            peak_memory: the most bytes of the device in use at once so far, where that is known.
        """
        stop = self.observers.notify("on_step", event)
        others: dict[str, int] = {"steps": event.steps} if event.steps != 1 else {}
        others |= {"skipped": skipped} if skipped else {}
        others |= {"peak_memory": peak_memory} if peak_memory is not None else {}
        scalars = {"scalars": dict(event.scalars)} if event.scalars else {}
        self.recorder.write(
            "step",
            epoch=event.epoch + 1,
            step=event.step,
            loss=event.loss,
            learning_rate=event.learning_rate,
            gradient_norm=event.gradient_norm,
            diagnostics=dict(event.diagnostics),
            images_per_second=round(event.images_per_second, 1),
            **others,
            **scalars,
        )
        self.display.step(event.epoch, event.step, event.loss, event.learning_rate, event.images_per_second)
        return stop

    def skipped(self, event: Stepped, what: str, batches: str, most: int) -> None:
        """Something of the step is not finite, in words, and the run goes on without it."""
        self.display.line(
            f"note: {event.loss_path}: {what} is not finite at step {event.step} ({batches}, loss {event.loss}); the "
            f"step changed nothing (train.max_skipped is {most})"
        )

    def failed(self, event: Stepped, what: str, batches: str) -> NoReturn:
        """Something of the step is not finite, in words, and the run ends; observers see the step too.

        Raises:
            MaskrecError: always: an observer's reason where one has its own.
        """
        stop = self.observers.notify("on_step", event)
        raise MaskrecError(stop.reason if stop else _not_finite(event, what, batches))

    def evaluated(self, epoch: int, step: int, label: str, evaluation: Evaluation) -> Stop | None:
        """An evaluator's answer on its evaluation pairs after an epoch (from 0)."""
        event = Evaluated(epoch, step, label, "evaluate", evaluation)
        return self._evaluation(event, [epoch_line(epoch + 1, label, evaluation.metrics, self.display.epochs)])

    def tested(self, epoch: int, step: int, label: str, evaluation: Evaluation, chosen_by: str | None) -> None:
        """An evaluator's answer on its test pairs, with the weights of an epoch (from 0).

        ``chosen_by`` is the metric by which that epoch was the best; None where the last one was taken.
        """
        which = f"the best by {chosen_by}" if chosen_by else "the last that was evaluated"
        head = f"test {label}: with the weights and thresholds of epoch {epoch + 1}, {which}"
        table = [f"    {line}" for line in final_tables(evaluation)]
        self._evaluation(Evaluated(epoch, step, label, "test", evaluation), [head, *table])
        leading = chosen_by is None or chosen_by.partition(".")[0] == label
        if rank() == 0 and leading and "confusion" in evaluation.figures:
            write_bytes(self.figures / "confusion.png", bytes(evaluation.figures["confusion"]))

    def _evaluation(self, event: Evaluated, lines: list[str]) -> Stop | None:
        metrics = dict(event.evaluation.metrics)
        self.recorder.write(event.stage, epoch=event.epoch + 1, step=event.step, label=event.label, metrics=metrics)
        if rank() == 0:
            occasion = f"epoch-{event.epoch + 1:03}" if event.stage == "evaluate" else "test"
            write_figures(self.figures, event.label, occasion, event.evaluation)
            about = {"stage": event.stage, "epoch": event.epoch + 1, "step": event.step}
            write_evaluation(self.evaluations, event.label, occasion, event.evaluation, **about)
        for line in lines:
            self.display.line(line)
        return self.observers.notify("on_evaluate", event)

    def validated(self, epoch: int, step: int, loss: float) -> Stop | None:
        """The validation loss after an optimizer step of an epoch (from 0); observers see it as an evaluation."""
        self.recorder.write("validation", epoch=epoch + 1, step=step, loss=loss)
        self.display.line(f"epoch {epoch + 1}  step {step}  validation loss {loss:.4f}")
        return self.observers.notify("on_evaluate", validation_event(epoch, step, loss))

    def epoch_ended(self, event: EpochEnded) -> Stop | None:
        """An epoch is finished and evaluated."""
        self.recorder.write("epoch", epoch=event.epoch + 1, step=event.step, loss=event.loss)
        return self.observers.notify("on_epoch", event)

    def ended(self, event: Ended) -> None:
        """The run is over; observers that were detached are reported once more."""
        self.observers.notify("on_end", event)
        self.observers.report_detached()


def validation_event(epoch: int, step: int, loss: float) -> Evaluated:
    """What observers receive of a validation loss."""
    return Evaluated(epoch, step, "train", "validation", Evaluation(metrics={"loss": loss}))


def _not_finite(event: Stepped, what: str, batches: str) -> str:
    return (
        f"{event.loss_path}: {what} is not finite at step {event.step} ({batches}, loss {event.loss}); nothing was "
        f"changed by it, and the run ends after step {event.step - 1}; "
        "try a lower learning rate, warm-up or train.clip_gradient_norm"
    )
