"""``maskrec check``, ``schema``, ``recipes`` and ``copy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say, table
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.cli.options import NoPlugins, PluginFiles, debugging, open_catalog
from maskrec.contracts.problem import Mark, Problem, RecipeError

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog
    from maskrec.recipe.checking import Checked
    from maskrec.recipe.plan import Plan


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
        try:
            path = recipe_path(recipe)
        except UsageError as error:  # the other recipes are checked all the same
            codes.append(_say_failure(recipe, error))
            continue
        checked = check_recipe(path, catalog=catalog, overrides=overrides, demo=demo, data_root=root, names_only=names)
        codes.append(_check_further(recipe, checked, catalog, root, dry_run))
    raise typer.Exit(max(codes))


def _check_further(recipe: str, checked: Checked, catalog: Catalog, root: Path, dry: bool) -> int:
    """Stages 3 and 4, for what stages 1 and 2 let through; report everything and return the exit code."""
    plan = checked.plan
    if plan is None:
        _say(recipe, checked)
        return checked.exit_code
    from maskrec.training.assemble import check_built
    from maskrec.training.dry_run import dry_run

    try:
        problems = check_built(plan, catalog, root)
        checked = checked.with_more(problems)
        if dry and not problems.errors:
            dry_run(plan, catalog, root)
    except MaskrecError as error:
        _say_problems(checked)
        return _say_failure(recipe, error, plan)
    _say(recipe, checked)
    return checked.exit_code


def _say_failure(recipe: str, error: MaskrecError, plan: Plan | None = None) -> int:
    """Report what ends the check of one recipe; its exit code. The plan has the place of the component at fault."""
    if debugging():
        import traceback

        traceback.print_exception(error)
    if isinstance(error, RecipeError):
        say(str(error), error=True)
        return error.exit_code
    if plan is None:
        say(f"maskrec: {error}", error=True)
        return error.exit_code
    specs = [spec for spec in plan.specs() if str(error).startswith(spec.who)]
    mark = max(specs, key=lambda spec: len(spec.who)).mark if specs else None
    say(Problem(str(error), mark=mark or Mark(recipe)).render(), error=True)
    return error.exit_code


def _say(recipe: str, checked: Checked) -> None:
    _say_problems(checked)
    if checked.ok:
        say(f"{recipe}: ok{_form(checked.plan)}")


def _say_problems(checked: Checked) -> None:
    for problem in checked.problems:
        prefix = "" if problem.mark or problem.path or problem.note else "maskrec: "
        say(f"{prefix}{problem.render()}", error=True)


def _form(plan: Plan | None) -> str:
    """What would start, where that is not the recipe as written."""
    if plan is None or not plan.demo:
        return ""
    return f" (only its demo form would start: {plan.demo_reason})" if plan.demo_reason else " (its demo form)"


def schema(plugin: PluginFiles = None, no_plugins: NoPlugins = False) -> None:
    """Print the JSON Schema of recipes. It has every component that is installed here."""
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
    """Copy a shipped recipe to a file of your own. The recipe that it extends becomes maskrec:NAME."""
    from maskrec.recipe.shipped import copy_recipe

    say(f"wrote {copy_recipe(name, destination or Path())}")
