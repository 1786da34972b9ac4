"""The training loop: epochs of optimizer steps, an evaluation after each, checkpoints on the way, a test at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maskrec.base import interrupts
from maskrec.base.errors import MaskrecError
from maskrec.base.files import write_json
from maskrec.contracts.call_into import own_words
from maskrec.contracts.collectives import rank
from maskrec.contracts.events import Ended, EpochEnded, Started, Stepped, Stop
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.embedder import Embedder
from maskrec.inference.evaluating.evaluation_values import from_plain, to_plain
from maskrec.inference.model import Model
from maskrec.runtime.epoch_batches import grouped, shard_places
from maskrec.runtime.loading import EpochLoader
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.weight_files import load_weights, read_checkpoint, save_checkpoint
from maskrec.training.assemble import Assembly
from maskrec.training.best_decisions import measure_best
from maskrec.training.checkpoint import networks_state, shard_state
from maskrec.training.checkpoint_files import save_last, save_start
from maskrec.training.checks.sampler_checks import agreed_batches, restore_sampler, sampler_state
from maskrec.training.distributed import any_process_interrupted, barrier, broadcast_object, on_rank_zero
from maskrec.training.evaluating import apply_to_test_pairs, evaluate_all
from maskrec.training.run_log import RunLog
from maskrec.training.train_state import TrainState
from maskrec.training.train_step import StepResult, TrainStep


@dataclass(frozen=True)
class Trainer:
    """One run in this process.

    Args:
        assembly: the built components.
        stepper: their networks, optimizer and schedule on this process's device.
        run: the run directory.
        log: records and shows what happens, and asks the observers.
        state: where the run is; changed as it goes.
        evaluation_pairs: the pair sets on which the evaluators choose their thresholds.
    """

    assembly: Assembly
    stepper: TrainStep
    run: RunDirectory
    log: RunLog
    state: TrainState
    evaluation_pairs: Sequence[PairSet] = ()

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
        with EpochLoader(self.assembly.dataset, plan.train.workers, pin, plan.data.who) as loader:
            while position.epoch < epochs and position.stopped is None:
                with interrupts.deferred():
                    self._train_epoch(loader)
                self._evaluate_epoch(last=position.epoch == epochs - 1 or position.stopped is not None)
                self._end_epoch()

    def _train_epoch(self, loader: EpochLoader) -> None:
        train, position = self.assembly.plan.train, self.state.position
        self._remember_sampler()
        plan, dataset = self.assembly.plan, self.assembly.dataset
        whole = agreed_batches(self.assembly.sampler, position.epoch, len(dataset), plan.sampler.who)
        places = shard_places(whole)[position.batches :]
        for group in grouped(loader.batches(places), train.accumulate):
            began = time.monotonic()
            result = self.stepper.step(group, position.epoch, position.step)
            speed = result.images / max(time.monotonic() - began, 1e-9)
            try:
                stop = self.log.stepped(self._event(result, speed), result.not_finite)
            except MaskrecError:
                if result.not_finite:
                    self._save_step_before()
                raise
            position.step_ended(len(group), result.loss)
            self._note_stop(stop)
            if position.stopped is not None:
                return
            unfinished = position.batches < len(self.assembly.sampler)
            interrupted = any_process_interrupted(self.stepper.compute.device)
            if (unfinished and position.step % train.checkpoint_every == 0) or interrupted:
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
            raise self._resumable(error) from error
        for label, evaluation in answers.items():
            self._note_stop(self.log.evaluated(position.epoch, position.step, label, evaluation))
        if self.state.note_evaluation(train.best, answers):
            self.save_best()

    def _resumable(self, error: MaskrecError) -> MaskrecError:
        """The error, with the way to do what failed again."""
        kept = own_words(error)
        kept.args = (f"{error}; the epoch is saved, so fix this and continue with: maskrec resume {self.run.path}",)
        return kept

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
        plan, state = self.assembly.plan, self.state
        barrier()
        tested = self._test_best(state.best.epoch) if state.best.epoch is not None else {}
        self.log.ended(Ended(state.position.step, state.position.stopped))
        if rank() == 0:
            best = state.best.epoch
            result = {
                "epochs": plan.train.epochs,
                "steps": state.position.step,
                "stopped": state.position.stopped,
                "demo": plan.demo,
                "demo_reason": plan.demo_reason,
                "caveats": self.assembly.caveats(),
                "best": {"epoch": None if best is None else best + 1, "value": state.best.value},
                "evaluate": state.evaluations,
                "test": tested,
            }
            write_json(self.run.result, result)

    def _test_best(self, epoch: int) -> dict[str, Any]:
        """Each evaluator's answer on its test pairs, with the best weights and what was found with them.

        Error rates of the evaluation pairs are counted before, once for these weights.
        """
        path = self.run.checkpoint("best")
        best = read_checkpoint(path, self.run.run_id)
        load_weights(self.stepper.evaluated, best["backbone"], str(path))
        chosen = {label: from_plain(plain) for label, plain in best["evaluations"].items()}
        embed = self.embedder()
        try:
            measure_best(self.run, self.evaluation_pairs, embed, best["evaluations"], self.log.display.line)
            answers = apply_to_test_pairs(self.assembly, embed, chosen)
        except MaskrecError as error:
            raise self._resumable(error) from error
        chosen_by = self.assembly.plan.train.best
        for label, evaluation in answers.items():
            metric = chosen_by.metric if chosen_by else None
            self.log.tested(epoch, self.state.position.step, label, evaluation, metric)
        return {label: to_plain(evaluation) for label, evaluation in answers.items()}

    def embedder(self) -> Embedder:
        """A fresh ``embed`` over the network that is evaluated."""
        stepper, train = self.stepper, self.assembly.plan.train
        model = Model(stepper.evaluated, self.assembly.backbone.input_spec, None, self.assembly.plan.backbone.who)
        return Embedder(model, stepper.compute, self.assembly.plan.seed, train.workers)

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

    def save_best(self) -> None:
        """Write the evaluated network's weights, with the evaluations that go with them."""
        state = {
            "run_id": self.run.run_id,
            "backbone": dict(self.stepper.evaluated.state_dict()),
            "epoch": self.state.position.epoch,
            "step": self.state.position.step,
        }
        on_rank_zero(lambda: save_checkpoint(self.run.checkpoint("best"), state, self.state.evaluations))

    def _event(self, result: StepResult, speed: float) -> Stepped:
        return Stepped(
            epoch=self.state.position.epoch,
            step=self.state.position.step + 1,
            loss=result.loss,
            learning_rate=result.learning_rate,
            gradient_norm=result.gradient_norm,
            diagnostics=result.diagnostics,
            embeddings=result.embeddings,
            labels=result.labels,
            images_per_second=speed,
            loss_path=self.assembly.plan.loss.name,
        )

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
