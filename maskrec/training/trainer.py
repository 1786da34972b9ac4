"""The training loop: epochs of optimizer steps, an evaluation after each, checkpoints on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from maskrec.base.errors import MaskrecError
from maskrec.contracts.collectives import rank
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.events import EpochEnded, Evaluated, Started, Stepped, Stop
from maskrec.inference.embedder import Embedder
from maskrec.runtime.loading import LoadedBatch, epoch_places, load
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.weight_files import save_checkpoint
from maskrec.training import checkpoint
from maskrec.training.assemble import Assembly
from maskrec.training.display import Display
from maskrec.training.evaluating import best_value, evaluate_all, is_better, to_plain, write_figures
from maskrec.training.observing import Observers
from maskrec.training.recording import Recorder
from maskrec.training.summary import by_condition, overall
from maskrec.training.train_step import StepResult, TrainStep


@dataclass
class Position:
    """How far a run has come.

    Args:
        epoch: the one being trained, from 0; equal to ``train.epochs`` when all are finished.
        batches: number of that epoch's sampler batches that are finished.
        step: optimizer steps finished.
        loss_sum: of the epoch's steps so far.
        loss_steps: number of steps in ``loss_sum``.
        best_value: of ``train.best``'s metric.
        best_epoch: which epoch ``checkpoints/best`` holds; None before the first evaluation.
        stopped: an observer's reason, once one has ended the run.
    """

    epoch: int = 0
    batches: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best_value: float | None = None
    best_epoch: int | None = None
    stopped: str | None = None


@dataclass
class Trainer:
    """One run in this process."""

    assembly: Assembly
    stepper: TrainStep
    run: RunDirectory
    recorder: Recorder
    observers: Observers
    display: Display
    position: Position
    sampler_state: Any = None
    evaluations: dict[str, Any] = field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch; the last one may be made of fewer batches."""
        return math.ceil(len(self.assembly.sampler) / self.assembly.plan.train.accumulate)

    def train(self) -> None:
        """Train up to the last epoch's checkpoint.

        Raises:
            MaskrecError: the loss is not finite, an observer calls the run a failure, or something cannot be written.
        """
        epochs, position = self.assembly.plan.train.epochs, self.position
        started = Started(self.run.path, epochs, self.steps_per_epoch, position.step)
        self._note_stop(self.observers.tell("on_start", started))
        while position.epoch < epochs and position.stopped is None:
            self._train_epoch()
            self._evaluate_epoch(last=position.epoch == epochs - 1 or position.stopped is not None)
            self._end_epoch()

    def _train_epoch(self) -> None:
        train, position = self.assembly.plan.train, self.position
        self._remember_sampler()
        places = epoch_places(self.assembly.sampler, position.epoch)[position.batches :]
        batches = load(self.assembly.dataset, places, train.workers, self.stepper.device.type == "cuda")
        for group in grouped(batches, train.accumulate):
            began = time.monotonic()
            result = self.stepper.step(group, position.epoch, position.step)
            self._record_step(result, len(group), result.images / max(time.monotonic() - began, 1e-9))
            if position.stopped is not None:
                return
            unfinished = position.batches < len(self.assembly.sampler)
            if unfinished and position.step % train.checkpoint_every == 0:
                self.save("last")

    def _record_step(self, result: StepResult, batches: int, speed: float) -> None:
        position = self.position
        event = Stepped(
            epoch=position.epoch,
            step=position.step + 1,
            loss=result.loss,
            learning_rate=result.learning_rate,
            gradient_norm=result.gradient_norm,
            diagnostics=result.diagnostics,
            embeddings=result.embeddings,
            labels=result.labels,
            images_per_second=speed,
            loss_path=self.assembly.plan.loss.name,
        )
        stop = self.observers.tell("on_step", event)
        if not result.finite:
            raise MaskrecError(stop.reason if stop else _not_finite(event))
        position.step += 1
        position.batches += batches
        position.loss_sum += result.loss
        position.loss_steps += 1
        self.recorder.write(
            "step",
            epoch=position.epoch,
            step=position.step,
            loss=result.loss,
            learning_rate=result.learning_rate,
            gradient_norm=result.gradient_norm,
            diagnostics=dict(result.diagnostics),
            images_per_second=round(speed, 1),
        )
        self.display.step(position.epoch, position.step, result.loss, result.learning_rate, speed)
        self._note_stop(stop)

    def _evaluate_epoch(self, last: bool) -> None:
        position, plan = self.position, self.assembly.plan
        due = (position.epoch + 1) % plan.train.evaluate_every == 0
        if not (due or last):
            return
        self.display.evaluating("evaluating")
        answers = evaluate_all(self.assembly, self.embedder())
        for label, evaluation in answers.items():
            self._note_stop(self.tell_evaluation(label, "evaluate", evaluation))
        value = best_value(plan.train.best, answers) if plan.train.best else None
        if value is None or plan.train.best is None or is_better(plan.train.best, value, position.best_value):
            position.best_value, position.best_epoch = value, position.epoch
            self.evaluations = {label: to_plain(evaluation) for label, evaluation in answers.items()}
            self.save_best()

    def tell_evaluation(self, label: str, stage: str, evaluation: Evaluation) -> Stop | None:
        """Record an evaluator's result, write its figures, notify the observers."""
        position = self.position
        epoch = position.epoch if stage == "evaluate" else (position.best_epoch or 0)
        self.recorder.write(stage, epoch=epoch, step=position.step, label=label, metrics=dict(evaluation.metrics))
        if rank() == 0:
            occasion = f"epoch-{epoch + 1:03}" if stage == "evaluate" else "test"
            write_figures(self.run.figures, label, occasion, evaluation)
        told = overall(evaluation.metrics) if stage == "evaluate" else "with the best epoch's weights and thresholds"
        self.display.line(f"epoch {epoch + 1}  {stage} {label}: {told}")
        if stage == "test":
            for line in by_condition(evaluation.metrics):
                self.display.line(f"    {line}")
        return self.observers.tell("on_evaluate", Evaluated(epoch, position.step, label, stage, evaluation))

    def _end_epoch(self) -> None:
        position = self.position
        loss = position.loss_sum / max(1, position.loss_steps)
        self.recorder.write("epoch", epoch=position.epoch, step=position.step, loss=loss)
        self._note_stop(self.observers.tell("on_epoch", EpochEnded(position.epoch, position.step, loss)))
        self.stepper.schedule.epoch_ended()
        position.epoch += 1
        position.batches, position.loss_sum, position.loss_steps = 0, 0.0, 0
        self.sampler_state = None
        self.save("last")

    def embedder(self) -> Embedder:
        """A fresh ``embed`` over the network that is evaluated."""
        stepper, train = self.stepper, self.assembly.plan.train
        return Embedder(
            network=stepper.evaluated,
            spec=self.assembly.backbone.input_spec,
            device=stepper.device,
            precision=stepper.precision,
            dtype=stepper.dtype,
            channels_last=train.channels_last,
            seed=self.assembly.plan.seed,
            workers=train.workers,
        )

    def save(self, name: str) -> None:
        """Write a checkpoint from which the run continues bit for bit; every process must call this."""
        state = {
            **checkpoint.networks_state(self.stepper),
            "position": asdict(self.position),
            "sampler": self.sampler_state,
            "observers": self.observers.state_dict(),
            "metrics_bytes": self.recorder.size(),
        }
        if rank() == 0:
            save_checkpoint(self.run.checkpoint(name), state, self.evaluations)

    def save_best(self) -> None:
        """Write the evaluated network's weights, with the evaluations that go with them."""
        if rank() == 0:
            state = {
                "backbone": dict(self.stepper.evaluated.state_dict()),
                "epoch": self.position.epoch,
                "step": self.position.step,
            }
            save_checkpoint(self.run.checkpoint("best"), state, self.evaluations)

    def _remember_sampler(self) -> None:
        """A sampler's own state is saved as it was when its epoch began: a resume iterates over that epoch again."""
        sampler = self.assembly.sampler
        if not hasattr(sampler, "state_dict") or not hasattr(sampler, "load_state_dict"):
            return
        if self.sampler_state is not None:
            sampler.load_state_dict(self.sampler_state)
        else:
            self.sampler_state = sampler.state_dict()

    def _note_stop(self, stop: Stop | None) -> None:
        if stop is None:
            return
        if stop.failed:
            raise MaskrecError(stop.reason)
        self.position.stopped = self.position.stopped or stop.reason


def _not_finite(event: Stepped) -> str:
    return (
        f"{event.loss_path}: the loss or its gradient is not finite at step {event.step} (loss {event.loss}); "
        "try a lower learning rate, warm-up or train.clip_gradient_norm"
    )


def grouped(batches: Iterable[LoadedBatch], size: int) -> Iterator[list[LoadedBatch]]:
    """Batches in groups of ``size``; the last group may be smaller."""
    remaining = iter(batches)
    while group := list(islice(remaining, size)):
        yield group
