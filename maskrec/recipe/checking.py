"""The one checker of recipes, used by ``check``, ``run``, ``resume`` and the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maskrec.contracts.problem import Problem, RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.layering import WHEN_MISSING, Layers, read_layers
from maskrec.recipe.named_files import missing_in_words
from maskrec.recipe.plan import Plan
from maskrec.recipe.problems import RecipeProblems, as_note, each_once
from maskrec.recipe.resolver import RecipeResolver


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check.

    Args:
        plan: what would start; None where there is something to fix, and after ``names_only``.
        problems: sorted by place, including notes.
        broken_plugin: whether a plugin that the recipe needs is broken.
    """

    plan: Plan | None
    problems: tuple[Problem, ...]
    broken_plugin: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing has to be fixed."""
        return all(problem.note for problem in self.problems)

    @property
    def exit_code(self) -> int:
        """The exit code of ``run``: 0 for ok, 2 for a faulty recipe, 3 for a broken plugin."""
        return 0 if self.ok else 3 if self.broken_plugin else 2

    def with_more(self, problems: RecipeProblems) -> Checked:
        """With what a later stage found; what is said already is not said again."""
        entries = tuple(each_once([*self.problems, *problems.entries]))
        return replace(self, problems=entries, broken_plugin=self.broken_plugin or problems.broken_plugin)


def check_recipe(
    path: Path,
    *,
    catalog: Catalog,
    overrides: Sequence[str] = (),
    demo: bool = False,
    data_root: Path = Path(),
    names_only: bool = False,
    allow_fallback: bool = True,
) -> Checked:
    """Check a recipe by stages 1 and 2, and whether the files that it names exist.

    Args:
        path: the recipe file.
        catalog: where names are looked up.
        overrides: ``key.path=value`` from the command line.
        demo: whether the recipe's ``demo`` overrides are applied.
        data_root: what the recipe's paths are relative to.
        names_only: stage 1 only (text, keys, names); torch is not imported.
        allow_fallback: whether ``when_data_is_missing`` counts.

    Returns:
        All problems at once; never raises, whatever a recipe or an override contains.
    """
    layers = read_layers(path, overrides)
    if layers.root is None:
        return _answer(None, RecipeProblems(list(layers.problems)))
    check = _Check(layers, path, catalog, data_root, names_only)
    return check.demo_form() if demo else check.both_forms(allow_fallback)


def resolve(
    path: Path,
    *,
    catalog: Catalog,
    overrides: Sequence[str] = (),
    demo: bool = False,
    data_root: Path = Path(),
    allow_fallback: bool = True,
) -> Plan:
    """The plan that a recipe resolves to; arguments as for ``check_recipe``.

    Raises:
        RecipeError: all problems at once; its exit code is 3 where a plugin that the recipe needs is broken.
    """
    checked = check_recipe(
        path, catalog=catalog, overrides=overrides, demo=demo, data_root=data_root, allow_fallback=allow_fallback
    )
    if checked.plan is None:
        raise RecipeError([problem for problem in checked.problems if not problem.note], checked.broken_plugin)
    return checked.plan


@dataclass(frozen=True, slots=True)
class _Check:
    layers: Layers
    path: Path
    catalog: Catalog
    data_root: Path
    names_only: bool

    def demo_form(self) -> Checked:
        """With ``--demo``: the demo form alone."""
        problems = RecipeProblems(list(self.layers.problems))
        if self.layers.demo is None:
            problems.error(f"{self.path} has no `demo` overrides, so it cannot be run with --demo", "demo", None)
            return self._answer(None, problems)
        plan = self._form(True, problems)
        return self._answer(plan and replace(plan, demo=True), problems)

    def both_forms(self, allow_fallback: bool) -> Checked:
        """The recipe as written; its demo form when that would start instead, or is checked as well."""
        problems = RecipeProblems(list(self.layers.problems))
        plan = self._form(False, problems)
        if self.layers.demo is None:
            return self._answer(plan, problems)
        if problems.only_data_is_missing() and self.layers.falls_back:
            if allow_fallback and not problems.data_named:
                return self._fallen_back(problems)
            return self._answer(None, self._with_way_out(problems))
        self._beside(problems)
        return self._answer(plan, self._with_way_out(problems))

    def _fallen_back(self, normal: RecipeProblems) -> Checked:
        reason = missing_in_words(normal.missing_paths)
        problems = RecipeProblems(list(self.layers.problems))
        plan = self._form(True, problems)
        said = f"{reason}, so the `demo` overrides would start instead; because of `{WHEN_MISSING}: true`"
        missing = [as_note(problem) for problem in normal.missing]
        problems.entries += [*missing, Problem(said, hint=f"to use your data: {normal.missing_hint}", note=True)]
        return self._answer(plan and replace(plan, demo=True, demo_reason=reason), problems)

    def _beside(self, problems: RecipeProblems) -> None:
        """Check the demo form of the file itself: overrides are meant for the form that starts."""
        alone = replace(self, layers=replace(self.layers, overrides=()))
        other = RecipeProblems()
        if not self.layers.falls_back:
            alone = replace(alone, names_only=True)
        alone._form(True, other)
        problems.entries += [problem for problem in other.errors if problem not in other.missing]
        problems.broken_plugin |= other.broken_plugin

    def _form(self, demo: bool, problems: RecipeProblems) -> Plan | None:
        root, said = self.layers.form(demo)
        problems.entries += said
        return RecipeResolver(root, self.path.stem, self.catalog, self.data_root, self.names_only).check(problems)

    def _with_way_out(self, problems: RecipeProblems) -> RecipeProblems:
        """Missing data, with the command that works without it."""
        way = f"; or try the recipe on embedded faces: maskrec run {self.path} --demo"
        if self.layers.demo is not None and self.layers.demo.map:
            problems.entries = [
                replace(problem, hint=problem.hint + way) if problem.hint and problem in problems.missing else problem
                for problem in problems.entries
            ]
        return problems

    def _answer(self, plan: Plan | None, problems: RecipeProblems) -> Checked:
        return _answer(plan, problems, self.layers.problems)


def _answer(plan: Plan | None, problems: RecipeProblems, unread: Sequence[Problem] = ()) -> Checked:
    entries = tuple(each_once(problems.entries, unread))
    if any(not problem.note for problem in entries):
        return Checked(None, entries, problems.broken_plugin)
    notes = tuple(problem.render() for problem in entries)
    return Checked(None if plan is None else replace(plan, notes=notes), entries)
