"""From a plan to a finished run directory: start, continue, finish."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.collectives import rank, world_size
from maskrec.recipe.plan import Plan
from maskrec.recipe.writing import resolved_yaml
from maskrec.runtime.device import set_threads
from maskrec.runtime.run_directory import (
    RunDirectory,
    name_directory,
    open_directory,
    read_json,
    read_plan,
)
from maskrec.runtime.weight_files import read_checkpoint
from maskrec.training import checkpoint
from maskrec.training.allocator import keep_freed_memory
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.display import Display
from maskrec.training.distributed import barrier, broadcast_object, process_group
from maskrec.training.finishing import finish
from maskrec.training.observing import Observers
from maskrec.training.recording import Recorder
from maskrec.training.run_record import keep_plugin_files, write_run_record
from maskrec.training.train_step import TrainStep
from maskrec.training.trainer import Position, Trainer

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog

_MACHINE_SETTINGS = ("device", "workers", "threads", "compile", "checkpoint_every")


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
        run, fresh = _claim(plan, catalog, run_dir)
        try:
            _run_in(run, plan, catalog, data_root, plugin_files, allow_drift)
        except BaseException:
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
        MaskrecError: the run failed.
    """
    plan, data_root = read_plan(run_dir, catalog)
    for name in changes:
        if name not in ("epochs", *_MACHINE_SETTINGS):
            allowed = ", ".join(f"train.{each}" for each in ("epochs", *_MACHINE_SETTINGS))
            raise UsageError(f"resume cannot change train.{name}; only {allowed}")
    plan = replace(plan, train=replace(plan.train, **changes))
    with process_group():
        run = RunDirectory(run_dir)
        if rank() == 0:
            run.lock()
        try:
            _run_in(run, plan, catalog, data_root, plugin_files, allow_drift)
        finally:
            run.unlock()
    return run_dir


def _claim(plan: Plan, catalog: Catalog, run_dir: Path | None) -> tuple[RunDirectory, bool]:
    """The run's folder, locked by rank 0, and whether it was created just now."""
    fresh = run_dir is None or not run_dir.exists()
    path: Path | None = None
    failure: MaskrecError | None = None
    if rank() == 0:
        try:
            name = plan.name + ("-demo" if plan.demo_reason else "")
            run = open_directory(run_dir) if run_dir is not None else name_directory(Path("runs"), name)
            run.lock()
            _refuse_other_recipe(run, plan)
            path = run.path
        except MaskrecError as error:
            failure = error
    path, failure = broadcast_object((path, failure))
    if failure is not None or path is None:
        raise failure or MaskrecError("rank 0 could not create the run directory")
    return (run if rank() == 0 else RunDirectory(path)), fresh


def _refuse_other_recipe(run: RunDirectory, plan: Plan) -> None:
    if not run.recipe.exists():
        return
    before, after = (_values(text) for text in (run.recipe.read_text(encoding="utf-8"), resolved_yaml(plan)))
    if before != after:
        there, here = next((b, a) for b, a in zip_longest(before, after, fillvalue="nothing") if b != a)
        raise UsageError(
            f"{run.path} holds a run of another recipe (it has {there}, this one has {here}); "
            f"choose another folder, or change epochs and machine settings with: maskrec resume {run.path}"
        )


def _values(recipe: str) -> list[str]:
    """The lines of a resolved recipe that are neither empty nor comments."""
    return [line.strip() for line in recipe.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _run_in(
    run: RunDirectory,
    plan: Plan,
    catalog: Catalog,
    data_root: Path,
    plugin_files: Sequence[Path],
    allow_drift: bool,
) -> None:
    set_threads(plan.train)
    if _already_finished(run, plan):
        return
    assembly = assemble(plan, catalog, data_root, run.path, restoring=broadcast_object(run.checkpoint("last").exists()))
    if rank() == 0:
        write_run_record(run, plan, catalog, assembly, data_root, allow_drift)
        keep_plugin_files(run, plugin_files)
    barrier()
    stepper = TrainStep(assembly)
    if stepper.device.type == "cpu":
        keep_freed_memory()
    position, kept, state = _last_position(run, stepper, assembly)
    with (
        Recorder(run.metrics, kept) as recorder,
        Display(plan.train.epochs, _total_steps(assembly), position.step) as display,
    ):
        observers = Observers(assembly.observers, display.line)
        observers.load_state_dict(state.get("observers", {}))
        trainer = Trainer(assembly, stepper, run, recorder, observers, display, position)
        trainer.sampler_state = state.get("sampler")
        trainer.evaluations = state.get("evaluations", {})
        _introduce(trainer, plan)
        trainer.train()
        finish(trainer)


def _total_steps(assembly: Assembly) -> int:
    train = assembly.plan.train
    return -(-len(assembly.sampler) // train.accumulate) * train.epochs


def _already_finished(run: RunDirectory, plan: Plan) -> bool:
    finished: bool = broadcast_object(
        run.result.exists() and read_json(run.result)["epochs"] >= plan.train.epochs if rank() == 0 else None
    )
    if finished and rank() == 0:
        print(f"{run.path} is already finished; its results are in {run.result}")
    return finished


def _last_position(run: RunDirectory, stepper: TrainStep, assembly: Assembly) -> tuple[Position, int, dict[str, Any]]:
    """Where to continue: position, bytes of the metrics to keep, the checkpoint's content; the start without one."""
    path = run.checkpoint("last")
    if not broadcast_object(path.exists()):
        checkpoint.seed_process(assembly.plan.seed, 0)
        return Position(), 0, {}
    state = read_checkpoint(path)
    position = Position(**state["position"])
    if position.epoch > assembly.plan.train.epochs:
        raise UsageError(f"{run.path}: {position.epoch} epochs are already finished; train.epochs cannot be fewer")
    if position.epoch < assembly.plan.train.epochs:
        position.stopped = None
    checkpoint.restore_networks(stepper, state, assembly.plan.seed, position.step)
    return position, int(state["metrics_bytes"]), state


def _introduce(trainer: Trainer, plan: Plan) -> None:
    display, position = trainer.display, trainer.position
    if plan.demo_reason:
        display.line(f"DEMO: {plan.demo_reason}; this run trains on embedded faces and says nothing about real ones")
    for remark in trainer.assembly.remarks():
        display.line(f"note: {remark}")
    for note in (*plan.notes, *trainer.assembly.notes()):
        display.line(note)
    where = f"continuing at step {position.step}" if position.step else "starting"
    stepper = trainer.stepper
    display.line(f"{where}: {plan.name} in {trainer.run.path} on {stepper.device} in {stepper.precision}")
    if world_size() > 1 and _has_batch_norm(stepper.backbone) and not plan.train.sync_batchnorm:
        display.line(f"note: batch norm uses the samples of each of the {world_size()} processes separately")


def _has_batch_norm(module: Any) -> bool:
    return any("BatchNorm" in type(each).__name__ for each in module.modules())
