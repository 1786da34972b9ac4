"""The training loop: epochs of optimizer steps, an evaluation after each, checkpoints on the way, a test at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from maskrec.base import interrupts
from maskrec.base.errors import MaskrecError
from maskrec.base.files import write_json
from maskrec.contracts.collectives import rank, world_size
from maskrec.contracts.events import Ended, EpochEnded, Started, Stepped, Stop
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model
from maskrec.runtime.epoch_batches import Batches, grouped, shard_places
from maskrec.runtime.loading import EpochLoader, LoadedBatch
from maskrec.runtime.run_directory import RunDirectory
from maskrec.training.assemble import Assembly
from maskrec.training.checkpoints.checkpoint import networks_state, shard_state
from maskrec.training.checkpoints.checkpoint_files import save_best, save_last, save_start
from maskrec.training.checkpoints.train_state import TrainState
from maskrec.training.checks.global_batches import agreed_batches, restore_sampler, sampler_state
from maskrec.training.evaluating import evaluate_all
from maskrec.training.final_test import result_of, resumable, test_best
from maskrec.training.processes.distributed import any_process_interrupted, barrier, broadcast_object
from maskrec.training.records.run_log import RunLog
from maskrec.training.steps.step_window import ReadStep, StepWindow, batches_in_words
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.validation_loss import ValidationLoss
from maskrec.training.worker_choice import WorkerChoice


@dataclass(frozen=True)
class Trainer:
    """One run in this process.

    Args:
        assembly: the built components.
        stepper: their networks, optimizer and schedule on this process's device.
        run: the run directory.
        log: records and shows what happens, and asks the observers.
        state: where the run is; changed as it goes.
        workers: how many loader processes there are.
        evaluation_pairs: the pair sets on which the evaluators choose their thresholds.
        validation: computes the loss on held-out data, where the recipe asks for it.
    """

    assembly: Assembly
    stepper: TrainStep
    run: RunDirectory
    log: RunLog
    state: TrainState
    workers: WorkerChoice
    evaluation_pairs: Sequence[PairSet] = ()
    validation: ValidationLoss | None = None

    def train(self) -> None:
        """Train up to the last epoch's checkpoint.

        Ctrl-C and SIGTERM wait for the step that is being made and for its checkpoint.

        Raises:
            MaskrecError: the loss is not finite, an observer calls the run a failure, or something cannot be written.
        """
        epochs, position = self.assembly.plan.train.epochs, self.state.position
        started = Started(self.run.path, epochs, self.assembly.length.steps_per_epoch, position.step)
        self._note_stop(self.log.started(started))
        plan = self.assembly.plan
        pin = self.stepper.compute.pin_memory
        with EpochLoader(self.assembly.dataset, self.workers.workers, pin, plan.data.who) as loader:
            while position.epoch < epochs and position.stopped is None:
                with interrupts.deferred():
                    self._train_epoch(loader)
                self._evaluate_epoch(last=position.epoch == epochs - 1 or position.stopped is not None)
                self._end_epoch()

    def _train_epoch(self, loader: EpochLoader) -> None:
        plan, dataset, position = self.assembly.plan, self.assembly.dataset, self.state.position
        self._remember_sampler()
        whole = agreed_batches(self.assembly.sampler, position.epoch, len(dataset), plan.sampler.who)
        prepared = self.stepper.prepare.ahead(self._loaded(loader, whole), position.epoch, position.step)
        window = StepWindow()
        for images in grouped(map(len, whole[position.batches :]), plan.train.accumulate):
            window.add(self.stepper.step(islice(prepared, len(images)), len(images)), len(images), sum(images))
            self.log.display.advance(position.epoch, position.step + len(window))
            if self._row_is_due(window):
                self._finish_row(window)
                self._validate_where_due()
                if position.stopped is not None:
                    return
                self._save_where_due()
                window = StepWindow()

    def _loaded(self, loader: EpochLoader, whole: Batches) -> Iterator[LoadedBatch]:
        """This process's part of each global batch from the position on."""
        before, alone = self.state.position.batches, world_size() == 1
        sizes = iter(map(len, whole[before:]))
        for loaded in self.workers.batches(loader, shard_places(whole)[before:]):
            yield loaded if alone else replace(loaded, whole=next(sizes))
            del loaded  # otherwise its memory would stay in use while the next one is loaded

    def _row_is_due(self, window: StepWindow) -> bool:
        """The same on every process: only a single one looks for signals after each step."""
        train, position = self.assembly.plan.train, self.state.position
        step, batches = position.step + len(window), position.batches + window.batches
        over = batches >= len(self.assembly.sampler)
        due = over or step % train.log_every == 0 or step % train.checkpoint_every == 0
        due |= self.validation is not None and self.validation.is_due(step, over)
        return due or window.known_skipped or (world_size() == 1 and bool(interrupts.received()))

    def _finish_row(self, window: StepWindow) -> None:
        """Read what the steps since the last row have left, move on by them, and say so.

        Raises:
            MaskrecError: one of them was not finite and may not be skipped; the checkpoint is that of the step before.
        """
        steps, position = window.read(), self.state.position
        fatal = next((number for number, step in enumerate(steps) if step.ended), None)
        if fatal is not None:
            steps[fatal].rewind()
        for step in steps[:fatal]:
            if step.not_finite:
                self.log.skipped(*self._not_finite(step, window), self.assembly.plan.train.max_skipped)
            position.step_ended(step.batches, None if step.skipped else step.loss)
            position.unreported += 1
        if taken := [step for step in steps[:fatal] if not step.skipped]:
            covered, position.unreported = position.unreported, 0
            event = window.event(taken, position.epoch, position.step, covered, self.assembly.plan.loss.name)
            self._note_stop(self.log.stepped(event, covered - len(taken), self.stepper.compute.peak_memory))
        if fatal is not None and position.stopped is None:
            self._fail(steps[fatal], window)

    def _validate_where_due(self) -> None:
        position = self.state.position
        over = position.batches >= len(self.assembly.sampler)
        if self.validation is not None and self.validation.is_due(position.step, over):
            loss = self.validation.compute(self.workers.workers)
            self._note_stop(self.log.validated(position.epoch, position.step, loss))

    def _not_finite(self, step: ReadStep, window: StepWindow) -> tuple[Stepped, str, str]:
        """The step after the position, what of it is not finite, and its batches, in words."""
        position = self.state.position
        event = window.event([step], position.epoch, position.step + 1, 1, self.assembly.plan.loss.name)
        batches = batches_in_words(position.batches, step.batches)
        return event, self.stepper.what_of(step.loss, step.evidence), f"{batches} of epoch {position.epoch + 1}"

    def _fail(self, step: ReadStep, window: StepWindow) -> None:
        try:
            self.log.failed(*self._not_finite(step, window))
        except MaskrecError:
            self._save_step_before()
            raise

    def _save_where_due(self) -> None:
        """The checkpoint within an epoch, and where a signal asks the run to end: then it ends here."""
        position = self.state.position
        unfinished = position.batches < len(self.assembly.sampler)
        interrupted = any_process_interrupted()
        if (unfinished and position.step % self.assembly.plan.train.checkpoint_every == 0) or interrupted:
            self.save()
        if interrupted:
            interrupts.raise_signal(interrupted)

    def _save_step_before(self) -> None:
        """The checkpoint of the last finite step, where there was one and its weights are finite."""
        if self.state.position.step == 0:
            return
        try:
            self.save()
        except MaskrecError as error:
            self.log.display.line(f"note: {error}; the checkpoint before it stays")

    def _evaluate_epoch(self, last: bool) -> None:
        """Evaluate where it is due; the checkpoint that is written before it is what a failed one goes on from."""
        position, train = self.state.position, self.assembly.plan.train
        due = (position.epoch + 1) % train.evaluate_every == 0
        if not (due or last):
            return
        if self.assembly.evaluators:
            self.save()
        self.log.display.evaluating("evaluating")
        try:
            answers = evaluate_all(self.assembly, self.embedder())
        except MaskrecError as error:
            raise resumable(error) from error
        for label, evaluation in answers.items():
            self._note_stop(self.log.evaluated(position.epoch, position.step, label, evaluation))
        if self.state.note_evaluation(train.best, answers):
            save_best(self.run, self.stepper.evaluated, self.state)

    def _end_epoch(self) -> None:
        position = self.state.position
        self._note_stop(self.log.epoch_ended(EpochEnded(position.epoch, position.step, position.mean_loss)))
        self.stepper.schedule.epoch_ended()
        position.epoch_ended()
        self.state.sampler = sampler_state(self.assembly.sampler, self.assembly.plan.sampler.who)
        self.save()

    def test(self) -> None:
        """The end of a run: the best weights on the test pairs, once, then ``result.json``.

        A run that is killed during it starts here again: the last epoch's checkpoint is written before.
        """
        barrier()
        tested = test_best(self.run, self.log, self.assembly, self.state, self.embedder(), self.evaluation_pairs)
        self.log.ended(Ended(self.state.position.step, self.state.position.stopped))
        if rank() == 0:
            write_json(self.run.result, result_of(self.assembly, self.state, tested))

    def embedder(self) -> Embedder:
        """A fresh ``embed`` over the network that is evaluated."""
        stepper, plan = self.stepper, self.assembly.plan
        model = Model(stepper.evaluated, self.assembly.backbone.input_spec, None, plan.backbone.who)
        return Embedder(model, stepper.compute, plan.seed, self.workers.workers)

    def save(self) -> None:
        """Write a checkpoint from which the run continues bit for bit; every process must call this."""
        save_last(self.run, self._whole_state(), shard_state(self.stepper), self.state.evaluations)

    def save_start(self) -> None:
        """Write the state before the first step, so that every checkpoint has one before it; as `save`."""
        save_start(self.run, self._whole_state(), shard_state(self.stepper))

    def _whole_state(self) -> dict[str, Any]:
        return {
            **networks_state(self.stepper),
            **self.state.state_dict(),
            "observers": self.log.observers.state_dict(),
            "metrics_bytes": self.log.recorder.size(),
        }

    def _remember_sampler(self) -> None:
        """A sampler's own state is saved as it was when its epoch began: a resume iterates over that epoch again."""
        sampler, who = self.assembly.sampler, self.assembly.plan.sampler.who
        if self.state.sampler is not None:
            restore_sampler(sampler, self.state.sampler, who)
        else:
            self.state.sampler = sampler_state(sampler, who)

    def _note_stop(self, stop: Stop | None) -> None:
        if self.assembly.plan.observe:
            stop = broadcast_object(stop)  # observers are rank 0's, and all processes end at the same step
        if stop is None:
            return
        if stop.failed:
            raise MaskrecError(stop.reason)
        self.state.position.stopped = self.state.position.stopped or stop.reason
