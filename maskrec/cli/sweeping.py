"""``maskrec sweep``: one recipe with several values and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from maskrec.base.errors import UsageError
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.cli.running import DataRoot, Demo, recipe_path, root_of_data


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or maskrec:NAME for a shipped one.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE,VALUE]...",
            help="Values to combine, such as loss.margin=0.3,0.4; with one value a change that all runs share.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, metavar="N", help="Seeds of each combination, from the recipe's on.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, metavar="N", help="How many runs at a time.  [default: 1; ray: all]")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option("--engine", help="Where runs are made: here, or on a Ray cluster.")
    ] = "local",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="A folder for the runs.  [default: runs/NAME-sweep]"),
    ] = None,
    demo: Demo = False,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Train a recipe with every combination of values. The runs are compared; the same command goes on."""
    from maskrec.training.processes.distributed import several_processes_started
    from maskrec.training.sweeps.combinations import read_grid
    from maskrec.training.sweeps.sweep import sweep as make
    from maskrec.training.sweeps.swept_runs import RecipeUse, swept_runs

    if several_processes_started():
        raise UsageError("maskrec sweep starts its runs itself; start it once, without torchrun")
    use = RecipeUse(
        recipe_path(recipe), open_catalog(plugin, no_plugins), root_of_data(data_root), demo, tuple(plugin or ())
    )
    make(swept_runs(use, read_grid(words or []), seeds, out), use, jobs, engine, no_plugins)
