"""``maskrec profile``: where the time of a training step goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskrec.base.console import say, table
from maskrec.base.errors import UsageError
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.cli.running import DataRoot, Demo, Overrides, recipe_path, root_of_data

if TYPE_CHECKING:
    from maskrec.recipe.plan import Workers
    from maskrec.training.step_times import StepTimes


def profile(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or maskrec:NAME for a shipped one.")],
    overrides: Overrides = None,
    steps: Annotated[int, typer.Option("--steps", min=1, metavar="N", help="Optimizer steps to measure.")] = 20,
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE.json", help="Also write a trace that ui.perfetto.dev opens."),
    ] = None,
    demo: Demo = False,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Measure where the time of a training step goes. No run is written.

    The table's rows from copy on are parts of one step, and wait is its time without images; the rows above are what
    one loader process does for it meanwhile. The last line names the bottleneck and what to change.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # read by torch's first import: its trace writer talks on stderr
    from maskrec.recipe.checking import resolve
    from maskrec.training.processes.distributed import several_processes_started
    from maskrec.training.profiling_run import profile_plan

    if several_processes_started():
        raise UsageError("profile measures one process; start it without torchrun")
    _refuse_trace(trace)
    catalog, root = open_catalog(plugin, no_plugins), root_of_data(data_root)
    plan = resolve(recipe_path(recipe), catalog=catalog, overrides=overrides or (), demo=demo, data_root=root)
    times, device = profile_plan(plan, catalog, root, steps, trace)
    say(f"{plan.name} on {device}: {steps} steps of {times.images:.0f} images after a warm-up")
    say(table(_rows(times)))
    say(
        f"{times.images / times.seconds:.0f} images/s; one process reads and decodes {1 / times.load:.0f} images/s, "
        f"train.workers is {_workers(plan.train.workers, times)}"
    )
    say(times.bottleneck())
    if trace is not None:
        say(f"the trace is in {trace}; open it at ui.perfetto.dev")


def _refuse_trace(trace: Path | None) -> None:
    """
    Raises:
        UsageError: the trace's file exists, or its folder does not.
    """
    if trace is None:
        return
    if trace.exists():
        raise UsageError(f"--trace {trace} exists; name a new file or remove it")
    if not trace.parent.is_dir():
        raise UsageError(f"--trace: {trace.parent} is not a folder; make it first")


def _workers(asked: Workers, times: StepTimes) -> str:
    return f"auto ({times.workers} in this measurement)" if asked == "auto" else str(times.workers)


def _rows(times: StepTimes) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [("PHASE", "MS", "SHARE")]
    loading = {"load": times.load}
    if times.read is not None:
        loading = {"read": times.read, "decode": max(0.0, times.load - times.read)}
    for name, seconds in loading.items():
        rows.append((name, f"{1000 * seconds * times.images:.2f}", "one loader process"))
    for name, seconds in (*times.phases.items(), ("step", times.seconds)):
        rows.append((name, f"{1000 * seconds:.2f}", f"{seconds / times.seconds:.1%}"))
    return rows
