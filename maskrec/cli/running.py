"""``maskrec run`` and ``maskrec resume``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.files import expand_home
from maskrec.base.words import did_you_mean, one_line
from maskrec.cli.options import NoPlugins, PluginFiles, debugging, open_catalog

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog
    from maskrec.recipe.plan import Plan

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe, such as loss.margin=0.5.")
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="D", help="What the recipe's paths are relative to; also MASKREC_DATA."),
]
Demo = Annotated[bool, typer.Option("--demo", help="Use the recipe's demo overrides: embedded faces.")]
AllowDrift = Annotated[
    bool, typer.Option("--allow-drift", help="Continue although data or components changed since the run began.")
]


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or maskrec:NAME for a shipped one.")],
    overrides: Overrides = None,
    demo: Demo = False,
    run_dir: Annotated[
        Path | None,
        typer.Option("--run-dir", metavar="D", help="The run's folder; continues where it already holds this run."),
    ] = None,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
    allow_drift: AllowDrift = False,
) -> None:
    """Train and evaluate as a recipe says, into a run directory."""
    from maskrec.contracts.collectives import rank
    from maskrec.recipe.checking import resolve
    from maskrec.training.processes.distributed import on_each_process, process_group, several_processes_started
    from maskrec.training.runner import start

    def read() -> tuple[Plan, Catalog, Path]:
        catalog, root = open_catalog(plugin, no_plugins), root_of_data(data_root)
        plan = resolve(
            recipe_path(recipe),
            catalog=catalog,
            overrides=overrides or (),
            demo=demo,
            data_root=root,
            allow_fallback=not several_processes_started(),
        )
        return plan, catalog, root

    with process_group():  # what one process refuses ends the others too
        path = start(*on_each_process(read), run_dir, plugin or (), allow_drift)
        first = rank() == 0
    if first:
        write_pages(path)


def resume(
    run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.")],
    overrides: Overrides = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
    allow_drift: AllowDrift = False,
) -> None:
    """Continue a run from its last checkpoint.

    Only train.epochs and machine settings can be changed.
    """
    from maskrec.contracts.collectives import rank
    from maskrec.runtime.run_directory import RunDirectory
    from maskrec.training.processes.distributed import on_each_process, process_group
    from maskrec.training.run_length import refuse_fewer_epochs
    from maskrec.training.runner import resume as go_on

    def read() -> tuple[Catalog, dict[str, Any]]:
        changes = train_changes(overrides or [])
        refuse_fewer_epochs(RunDirectory(run_dir), changes.get("epochs"))
        return open_catalog(plugin, no_plugins), changes

    with process_group():
        go_on(run_dir, *on_each_process(read), plugin or (), allow_drift)
        first = rank() == 0
    if first:
        write_pages(run_dir)


def write_pages(run_dir: Path) -> None:
    """Write the report of a run that has ended; where that fails, the run is as good as before, so it is only said."""
    from maskrec.report.report_writing import write_run_pages

    try:
        say(f"report: {write_run_pages(run_dir)}")
    except Exception as error:
        if debugging():
            raise
        say(
            f"note: the report of {run_dir} was not written ({one_line(error)}); the run itself is complete", error=True
        )


def root_of_data(given: Path | None) -> Path:
    """``--data-root``, else ``MASKREC_DATA``, else the current folder.

    Raises:
        UsageError: it is not a folder.
    """
    root = given or Path(expand_home(os.environ.get("MASKREC_DATA", ".")))
    if not root.is_dir():
        raise UsageError(f"the data root {root} is not a folder; set --data-root or MASKREC_DATA to one that exists")
    return root


def recipe_path(recipe: str) -> Path:
    """The file of a recipe that is named by path or, as ``maskrec:NAME``, by a shipped recipe's name.

    Raises:
        UsageError: no recipe of that name is shipped, or the file does not exist and one ships with that name.
    """
    from maskrec.recipe.shipped import PREFIX, shipped_like, shipped_recipe

    if recipe.startswith(PREFIX):
        return shipped_recipe(recipe.removeprefix(PREFIX))
    if not os.path.lexists(recipe) and (meant := shipped_like(recipe)):
        raise UsageError(f"the recipe file {recipe} does not exist; did you mean {PREFIX}{meant}?")
    return Path(recipe)


def train_changes(overrides: list[str]) -> dict[str, Any]:
    """``train.NAME=VALUE`` words as a dict of values.

    Raises:
        UsageError: a word has another form, or a name that is a misspelling of what can be changed.
    """
    from maskrec.recipe.plan import Train
    from maskrec.recipe.reading import scalar
    from maskrec.recipe.sections import hints_of
    from maskrec.training.records.run_record import MACHINE_SETTINGS

    changes = {}
    for word in overrides:
        key, equals, value = word.partition("=")
        if not equals or not key.startswith("train."):
            raise UsageError(f"{word}: resume takes train.NAME=VALUE only, such as train.epochs=40")
        name = key.removeprefix("train.")
        if name not in hints_of(Train) and (meant := did_you_mean(name, ("epochs", *MACHINE_SETTINGS))):
            raise UsageError(f"{word}: `train` has no `{name}`; {meant}")
        changes[name] = scalar(value)
    return changes
