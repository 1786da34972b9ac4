"""``maskrec check``, ``schema``, ``recipes`` and ``copy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say, table
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog
    from maskrec.recipe.checking import Checked


def check(
    words: Annotated[
        list[str],
        typer.Argument(metavar="RECIPE... [KEY=VALUE]...", help="Recipe files or maskrec:NAME, and changes to them."),
    ],
    names: Annotated[
        bool, typer.Option("--names", help="Text, keys and names only; imports no component and no torch.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Also make one forward and backward pass and evaluate a few images.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Check the recipe with its demo overrides.")] = False,
    data_root: Annotated[
        Path | None,
        typer.Option("--data-root", metavar="D", help="What the recipe's paths are relative to; also MASKREC_DATA."),
    ] = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Check recipes: all problems at once, each with its place. Exits as run would."""
    from maskrec.cli.running import recipe_path, root_of_data
    from maskrec.recipe.checking import check_recipe

    recipes = [word for word in words if "=" not in word or Path(word).is_file()]
    overrides = [word for word in words if word not in recipes]
    if not recipes:
        raise UsageError("name at least one recipe to check; see maskrec recipes")
    if names and dry_run:
        raise UsageError("--names stops before anything is built, so it cannot be combined with --dry-run")
    catalog, root = open_catalog(plugin, no_plugins), root_of_data(data_root)
    codes = []
    for recipe in recipes:
        path = recipe_path(recipe)
        checked = check_recipe(path, catalog=catalog, overrides=overrides, demo=demo, data_root=root, names_only=names)
        if checked.plan is not None:
            checked = _built(checked, catalog, root, dry_run)
        codes.append(checked.exit_code)
        _say(recipe, checked)
    raise typer.Exit(max(codes))


def _built(checked: Checked, catalog: Catalog, root: Path, dry: bool) -> Checked:
    """Stages 3 and 4: the recipe with the problems that only built components can show."""
    from maskrec.training.assemble import check_built
    from maskrec.training.dry_run import dry_run

    assert checked.plan is not None
    problems = check_built(checked.plan, catalog, root)
    checked = checked.with_more(problems)
    if dry and checked.plan is not None and not problems.errors:
        try:
            dry_run(checked.plan, catalog, root)
        except MaskrecError:
            for note in checked.problems:  # which may say why it fails
                say(note.render(), error=True)
            raise
    return checked


def _say(recipe: str, checked: Checked) -> None:
    for problem in checked.problems:
        say(problem.render(), error=True)
    if checked.ok:
        form = " (its demo form would start)" if checked.plan is not None and checked.plan.demo else ""
        say(f"{recipe}: ok{form}")


def schema(plugin: PluginFiles = None, no_plugins: NoPlugins = False) -> None:
    """Print the JSON Schema of recipes, with every component that is installed here."""
    import json

    from maskrec.recipe.schema import recipe_schema

    found, left_out = recipe_schema(open_catalog(plugin, no_plugins))
    for line in left_out:
        say(line, error=True)
    print(json.dumps(found, indent=2, ensure_ascii=False))


def recipes() -> None:
    """List the recipes that are shipped with maskrec."""
    from maskrec.recipe.shipped import shipped_recipes, summary

    found = shipped_recipes()
    rows = [(name, summary(path)) for name, path in found.items()]
    if rows:
        say(table(rows))


def copy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `maskrec recipes` lists.")],
    destination: Annotated[
        Path | None, typer.Argument(metavar="[DEST]", help="A file or folder; the current folder by default.")
    ] = None,
) -> None:
    """Copy a shipped recipe to a file of your own; the recipe that it extends becomes maskrec:NAME."""
    from maskrec.recipe.shipped import copy_recipe

    say(f"wrote {copy_recipe(name, destination or Path())}")
