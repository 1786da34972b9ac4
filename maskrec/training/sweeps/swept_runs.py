"""The runs of a sweep, checked: all of them can start, and those that have begun are still the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.checking import check_recipe
from maskrec.recipe.plan import Plan
from maskrec.recipe.problems import RecipeProblems
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.training.assemble import check_built
from maskrec.training.records.run_record import refuse_edited_recipe, refuse_incomplete, refuse_other_recipe
from maskrec.training.sweeps.combinations import Combination, SweepGrid


@dataclass(frozen=True, slots=True)
class RecipeUse:
    """The recipe of a sweep and how it is read.

    Args:
        path: the recipe file.
        catalog: where names are looked up.
        data_root: what the recipe's paths are relative to.
        demo: whether its demo overrides are applied.
        plugin_files: given with ``--plugin``.
    """

    path: Path
    catalog: Catalog
    data_root: Path
    demo: bool
    plugin_files: tuple[Path, ...]

    def plan(self, overrides: Sequence[str], problems: RecipeProblems, built: bool) -> Plan | None:
        """The plan with these changes, checked by stages 1 and 2, and by stage 3 where it is to be ``built``."""
        checked = check_recipe(
            self.path, catalog=self.catalog, overrides=overrides, demo=self.demo, data_root=self.data_root
        )
        problems.entries += checked.problems
        problems.broken_plugin |= checked.broken_plugin
        if checked.plan is not None and built:
            found = check_built(checked.plan, self.catalog, self.data_root)
            problems.entries += found.entries
            problems.broken_plugin |= found.broken_plugin
        return checked.plan


@dataclass(frozen=True, slots=True)
class SweptRun:
    """One run of a sweep.

    Args:
        combination: its values.
        seed: its seed.
        plan: what it trains.
        folder: its run directory.
    """

    combination: Combination
    seed: int
    plan: Plan
    folder: Path

    @property
    def name(self) -> str:
        """What it is called in messages, and the name of its folder."""
        return self.folder.name

    @property
    def log(self) -> Path:
        """What it has printed."""
        return self.folder.with_name(f"{self.name}.log")

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        result = RunDirectory(self.folder).result
        return result.is_file() and int(read_json(result).get("epochs", 0)) >= self.plan.train.epochs


def swept_runs(recipe: RecipeUse, grid: SweepGrid, seeds: int | None, out: Path | None) -> list[SweptRun]:
    """Every run of a sweep, all checked before the first is started.

    Args:
        recipe: what is swept.
        grid: the values.
        seeds: how many seeds each combination is run with, from the recipe's own on; None for one, or those that the
            grid has.
        out: the folder for their run directories; None for ``runs/NAME-sweep``.

    Raises:
        RecipeError: all problems of all combinations, each once.
        UsageError: nothing is swept, seeds are given in two ways, or a folder holds another run.
    """
    if seeds is not None and grid.seeds:
        raise UsageError("the seeds are given by `seed=` and by --seeds; use one of the two")
    if len(grid.combinations) * max(seeds or 1, len(grid.seeds)) < 2:
        raise UsageError("nothing is swept: list several values of a key, such as loss.margin=0.3,0.4, or use --seeds")
    problems = RecipeProblems()
    plans = [recipe.plan(each.words(), problems, built=True) for each in grid.combinations]
    _refuse(problems)
    runs = [
        _run(recipe, combination, seed, out)
        for combination, plan in zip(grid.combinations, plans, strict=True)
        if plan is not None
        for seed in grid.seeds or range(plan.seed, plan.seed + (seeds or 1))
    ]
    for run in runs:
        _refuse_other(run, recipe)
    return runs


def _run(recipe: RecipeUse, combination: Combination, seed: int, out: Path | None) -> SweptRun:
    own = [word for word in combination.words() if word.partition("=")[0].strip() != "seed"]
    problems = RecipeProblems()
    plan = recipe.plan([*own, f"seed={seed}"], problems, built=False)
    _refuse(problems)
    if plan is None:
        raise RecipeError(problems.entries)
    folder = (out or Path("runs") / f"{plan.name}-sweep") / combination.name(seed)
    shared = tuple(word for word in combination.overrides if word in own)
    return SweptRun(replace(combination, overrides=shared), seed, plan, folder)


def _refuse(problems: RecipeProblems) -> None:
    """Each problem once: a key that does not exist is the same mistake with each of its values."""
    if problems.errors:
        seen = {(problem.message, problem.path): problem for problem in reversed(problems.errors)}
        raise RecipeError(list(seen.values()), problems.broken_plugin)


def _refuse_other(run: SweptRun, recipe: RecipeUse) -> None:
    """Refuse a folder that holds something else than this run, as the run would itself."""
    if not run.folder.exists():
        return
    directory = RunDirectory(run.folder)
    if not run.folder.is_dir():
        raise UsageError(f"{run.folder} is a file, and this run's folder would be there; choose another --out")
    directory.refuse_foreign()
    refuse_incomplete(directory, allow_drift=False)
    refuse_edited_recipe(directory, recipe.catalog, allow_drift=False)
    refuse_other_recipe(directory, run.plan, recipe.catalog, recipe.plugin_files)


def run_command(run: SweptRun, recipe: RecipeUse, no_plugins: bool) -> Iterator[str]:
    """The command that starts this run, or goes on with it. It imports nothing from the folder it is started in, as the
    program ``maskrec`` does not."""
    yield from (
        sys.executable,
        "-P",
        "-m",
        "maskrec",
        "run",
        str(recipe.path),
        *run.combination.words(run.seed),
        "--run-dir",
        str(run.folder),
    )
    yield from ("--data-root", str(recipe.data_root))
    yield from ("--demo",) if recipe.demo else ()
    yield from ("--no-plugins",) if no_plugins else ()
    for file in recipe.plugin_files:
        yield from ("--plugin", str(file))
