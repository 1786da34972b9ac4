"""From a plan to a finished run directory: start, continue, finish."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base import interrupts
from maskrec.base.console import say
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.collectives import rank
from maskrec.recipe.plan import Plan
from maskrec.recipe.sections import change_train
from maskrec.runtime.compute import deterministic_algorithms, set_threads
from maskrec.runtime.run_directory import RunDirectory, name_directory, open_directory, read_json
from maskrec.runtime.run_plan import read_plan
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.checkpoints.checkpoint import restore_networks
from maskrec.training.checkpoints.checkpoint_files import has_checkpoint, read_last
from maskrec.training.checkpoints.train_state import TrainState
from maskrec.training.checks.trial_evaluation import try_evaluators
from maskrec.training.processes.distributed import broadcast_object, on_each_process, on_rank_zero, process_group
from maskrec.training.records.display import Display
from maskrec.training.records.failure_record import recording_failure
from maskrec.training.records.kept_plugin_files import keep_plugin_files
from maskrec.training.records.observing import Observers
from maskrec.training.records.recording import Recorder
from maskrec.training.records.run_log import RunLog
from maskrec.training.records.run_messages import conclude, introduce
from maskrec.training.records.run_record import (
    CHANGEABLE,
    MACHINE_SETTINGS,
    Drift,
    refuse_edited_recipe,
    refuse_incomplete,
    refuse_other_recipe,
    refuse_unlike_recipes,
    resume_command,
    write_run_record,
)
from maskrec.training.steps.allocator import keep_freed_memory
from maskrec.training.steps.random_state import seed_process
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.trainer import Trainer
from maskrec.training.validation_loss import try_validation
from maskrec.training.worker_choice import WorkerChoice

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog


def start(
    plan: Plan,
    catalog: Catalog,
    data_root: Path,
    run_dir: Path | None,
    plugin_files: Sequence[Path] = (),
    allow_drift: bool = False,
) -> Path:
    """Train a plan; continue where ``run_dir`` already holds the same run.

    Args:
        plan: a checked recipe.
        catalog: where names are looked up.
        data_root: what the recipe's paths are relative to.
        run_dir: where to write; None creates a new folder below ``runs/``.
        plugin_files: given with ``--plugin``; copied into the run directory for reading.
        allow_drift: continue although components or data have changed.

    Returns:
        The run directory.

    Raises:
        UsageError: the run directory belongs to another recipe, or the recipe cannot be built.
        MaskrecError: the run failed.
    """
    with process_group():
        refuse_unlike_recipes(plan)
        run, fresh = _claim(plan, catalog, run_dir, plugin_files, allow_drift)
        interrupts.advise(f"continue with: {resume_command(run.path, plugin_files)}")
        try:
            _Launch(run, plan, catalog, data_root, plugin_files, allow_drift).carry_out()
        except BaseException:
            if not run.recipe.exists():
                interrupts.advise("nothing was started: run the same command again")
            # Without a recipe in it no run has begun: a folder created just now would only be left over.
            if fresh and rank() == 0 and not run.recipe.exists():
                shutil.rmtree(run.path)
            raise
        finally:
            run.unlock()
        return run.path


def resume(
    run_dir: Path,
    catalog: Catalog,
    changes: dict[str, Any],
    plugin_files: Sequence[Path] = (),
    allow_drift: bool = False,
) -> Path:
    """Continue a run from its last checkpoint.

    Args:
        run_dir: a run directory.
        catalog: where names are looked up.
        changes: fields of ``train`` to change: ``epochs`` and machine settings only.
        plugin_files: given with ``--plugin``; copied into the run directory for reading.
        allow_drift: continue although components or data have changed.

    Raises:
        UsageError: not a run directory, or a change that would make it another run.
        RecipeError: a changed value of another type or out of range.
        MaskrecError: the run failed.
    """
    with process_group():
        run = RunDirectory(run_dir)
        plan, data_root = on_each_process(lambda: _changed_plan(run, catalog, changes))
        interrupts.advise(f"continue with: {resume_command(run.path, plugin_files)}")
        refuse_unlike_recipes(plan)
        try:
            on_rank_zero(lambda: _lock_unedited(run, catalog, allow_drift))
            _Launch(run, plan, catalog, data_root, plugin_files, allow_drift).carry_out()
        finally:
            run.unlock()
    return run_dir


def _changed_plan(run: RunDirectory, catalog: Catalog, changes: dict[str, Any]) -> tuple[Plan, Path]:
    """The run's plan with the fields of ``train`` that the user changes, and its data root."""
    refuse_incomplete(run, allow_drift=False)
    plan, data_root = read_plan(run.path, catalog)
    for name in changes:
        if f"train.{name}" not in CHANGEABLE:
            allowed = ", ".join(f"train.{each}" for each in ("epochs", *MACHINE_SETTINGS))
            raise UsageError(f"resume cannot change train.{name}; only {allowed}")
    return replace(plan, train=change_train(plan.train, changes)), data_root


def _lock_unedited(run: RunDirectory, catalog: Catalog, allow_drift: bool) -> None:
    run.lock()
    refuse_edited_recipe(run, catalog, allow_drift)


def _claim(
    plan: Plan, catalog: Catalog, run_dir: Path | None, plugin_files: Sequence[Path], allow_drift: bool
) -> tuple[RunDirectory, bool]:
    """The run's folder, locked by rank 0, and whether it was created just now."""
    fresh = run_dir is None or not run_dir.exists()
    path: Path | None = None
    failure: MaskrecError | None = None
    if rank() == 0:
        try:
            name = plan.name + ("-demo" if plan.demo_reason else "")
            run = open_directory(run_dir) if run_dir is not None else name_directory(Path("runs"), name)
            run.lock()
            refuse_incomplete(run, allow_drift)
            refuse_edited_recipe(run, catalog, allow_drift)
            refuse_other_recipe(run, plan, catalog, plugin_files)
            path = run.path
        except MaskrecError as error:
            failure = error
    path, failure = broadcast_object((path, failure))
    if failure is not None or path is None:
        raise failure or MaskrecError("rank 0 could not create the run directory")
    return (run if rank() == 0 else RunDirectory(path)), fresh


@dataclass(frozen=True, slots=True)
class _Launch:
    """A run directory that this process group holds, and what is run in it; see `start`."""

    run: RunDirectory
    plan: Plan
    catalog: Catalog
    data_root: Path
    plugin_files: Sequence[Path]
    allow_drift: bool

    def carry_out(self) -> None:
        """Train to the end, unless the run is finished."""
        set_threads(self.plan.train)
        if _already_finished(self.run, self.plan):
            return
        with deterministic_algorithms(self.plan.train.deterministic):
            self._train()

    def _train(self) -> None:
        run, plan, restoring = self.run, self.plan, has_checkpoint(self.run)
        assembly = assemble(plan, self.catalog, self.data_root, run.path, restoring=restoring)
        stepper = TrainStep(assembly)
        evaluation_pairs = try_evaluators(assembly, stepper)
        validation = try_validation(assembly, stepper)
        on_rank_zero(lambda: self._record(assembly, stepper, restoring))
        if stepper.compute.device.type == "cpu":
            keep_freed_memory()
        state, saved = _last_state(run, stepper, assembly, restoring)
        with (
            recording_failure(run),
            Recorder(run.metrics, saved["metrics_bytes"], self.allow_drift) as recorder,
            Display(plan.train.epochs, assembly.length.total_steps, state.position.step) as display,
        ):
            observers = Observers(assembly.observers, display.line)
            observers.load_state_dict(saved["observers"])
            log = RunLog(recorder, observers, display, run.figures, run.evaluations)
            workers = WorkerChoice(plan.train.workers, stepper.compute, display.line)
            trainer = Trainer(assembly, stepper, run, log, state, workers, evaluation_pairs, validation)
            if not restoring:
                trainer.save_start()
            introduce(trainer)
            trainer.train()
            trainer.test()
            conclude(trainer)

    def _record(self, assembly: Assembly, stepper: TrainStep, restoring: bool) -> None:
        drift: Drift = "said" if not restoring else "allowed" if self.allow_drift else "refused"
        write_run_record(self.run, self.plan, self.catalog, assembly, self.data_root, drift, stepper.compute.record())
        keep_plugin_files(self.run, self.plugin_files)


def _already_finished(run: RunDirectory, plan: Plan) -> bool:
    finished: bool = broadcast_object(
        run.result.exists() and read_json(run.result).get("epochs", 0) >= plan.train.epochs if rank() == 0 else None
    )
    if finished and rank() == 0:
        say(f"{run.path} is already finished; its results are in {run.result}")
    return finished


def _last_state(
    run: RunDirectory, stepper: TrainStep, assembly: Assembly, restoring: bool
) -> tuple[TrainState, dict[str, Any]]:
    """Where to continue, the networks brought there, and what else the checkpoint holds; the start without one."""
    epochs = assembly.plan.train.epochs
    if not restoring:
        seed_process(assembly.plan.seed, 0)
        return TrainState(), {"metrics_bytes": 0, "observers": {}}
    saved, shards = read_last(run)
    state = TrainState.from_checkpoint(saved)
    if state.position.epoch > epochs:
        raise UsageError(
            f"{run.path}: {state.position.epoch} epochs are already finished; train.epochs cannot be fewer"
        )
    if state.position.epoch < epochs and run.result.exists():  # a run that had stopped is given more epochs
        state.position.stopped = None
    restore_networks(stepper, saved, shards, assembly.plan.seed, state.position.step)
    return state, saved
