"""A recipe's steps measured in this process: built as for a run, nothing written but a trace."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch

from maskrec.base.files import write_atomically
from maskrec.recipe.plan import Plan
from maskrec.runtime.compute import deterministic_algorithms, set_threads
from maskrec.training.assemble import assemble
from maskrec.training.step_times import WARM_UP, StepTimes, measure_steps
from maskrec.training.steps.allocator import keep_freed_memory
from maskrec.training.steps.random_state import seed_process
from maskrec.training.steps.train_step import TrainStep

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog

TRACED = 3
"""Steps in a trace: a few show the pattern, and each is some megabytes."""


def profile_plan(
    plan: Plan, catalog: Catalog, data_root: Path, steps: int, trace: Path | None = None
) -> tuple[StepTimes, torch.device]:
    """Build a plan's components as a run does, and measure some training steps.

    Args:
        plan: a checked recipe.
        catalog: where names are looked up.
        data_root: what the recipe's paths are relative to.
        steps: to measure, at least 1.
        trace: where to write a Chrome trace of ``TRACED`` further steps; None writes none.

    Returns:
        The times, and the device on which they were measured.

    Raises:
        RecipeError, MaskrecError: as `assemble`, and whatever the steps run into.
    """
    set_threads(plan.train)
    # The folder is for components that write into the run's.
    with deterministic_algorithms(plan.train.deterministic), TemporaryDirectory() as folder:
        assembly = assemble(plan, catalog, data_root, Path(folder))
        stepper = TrainStep(assembly)
        seed_process(plan.seed, 0)
        if stepper.compute.device.type == "cpu":
            keep_freed_memory()
        times = measure_steps(stepper, steps)
        if trace is not None:
            _write_trace(stepper, trace)
        return times, stepper.compute.device


def _write_trace(stepper: TrainStep, path: Path) -> None:
    from torch.profiler import ProfilerActivity, profile, schedule

    cuda = stepper.compute.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    chosen = schedule(wait=0, warmup=WARM_UP, active=TRACED, repeat=1)

    def traced(temporary: Path) -> None:
        ready = lambda profiler: profiler.export_chrome_trace(str(temporary))  # noqa: E731
        with profile(activities=activities, schedule=chosen, on_trace_ready=ready) as profiler:
            measure_steps(stepper, TRACED, profiler)

    write_atomically(path, traced)
