"""A part of a recipe: its tree and what every component needs, whatever else is in the recipe or missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from maskrec.contracts.problem import Mark, Problem, RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.components import Components
from maskrec.recipe.layering import read_layers
from maskrec.recipe.named_files import check_files
from maskrec.recipe.node import Node, marks_by_path, nearest
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.problems import RecipeProblems, each_once
from maskrec.recipe.reading import read_text
from maskrec.recipe.sections import check_field, read_requires
from maskrec.recipe.values import INVALID


@dataclass(slots=True)
class RecipePart:
    """A recipe of which only a part is resolved.

    Args:
        root: its tree, overrides applied.
        problems: collects the problems.
        unread: those of reading; what follows from them is not reported.
        requires: the recipe's requirements, or None.
        values: ``seed`` and ``image_size``, as far as they are there.
        of_a_run: whether a run resolved it. Its names are qualified, so that a requirement that is not met is reported
            where a component needs it, and nowhere else.
        typed: whether the user knows its text, so that problems show where in it they are; its name alone otherwise.
    """

    root: Node
    problems: RecipeProblems
    unread: Sequence[Problem] = ()
    requires: tuple[str, ...] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    of_a_run: bool = False
    typed: bool = True

    def __post_init__(self) -> None:
        self.requires = read_requires(self.root, RecipeProblems() if self.of_a_run else self.problems)
        for name in ("seed", "image_size"):
            there = self.root.child(name)
            if there is not None and there.value is not None:
                value = check_field(there, int, name, self.problems)
                self.values |= {} if value is INVALID else {name: value}

    @property
    def seed(self) -> int:
        """The recipe's seed; 0 by default."""
        return int(self.values.get("seed", 0))

    @property
    def image_size(self) -> int | None:
        """Side of the canvas in pixels, or None for the backbone's own."""
        return self.values.get("image_size")

    def components(self, catalog: Catalog) -> Components:
        """The checker of this part's components."""
        return Components(catalog, self.requires, self.problems, self.values)

    def check_keys(self, known: Iterable[str], what: str) -> None:
        """Report every key at the top that is not known."""
        names = list(known)
        for name, node in (self.root.map or {}).items():
            if name not in names:
                self.problems.error(f"{what} has no section `{name}`", name, node.label, nearest(name, names))

    def check_files(self, built: Iterable[Spec | Opened | None], data_root: Path) -> None:
        """Report every file and folder that the components name and that does not exist."""
        check_files(built, marks_by_path(self.root), data_root, self.problems)

    def refuse(self) -> None:
        """Raise RecipeError with all problems, if there are any."""
        errors = [problem for problem in each_once(self.problems.entries, self.unread) if not problem.note]
        if errors:
            shown = errors if self.typed else [_without_position(problem) for problem in errors]
            raise RecipeError(shown, self.problems.broken_plugin)

    def notes(self) -> list[Problem]:
        """What is worth knowing and not an error."""
        return [problem for problem in each_once(self.problems.entries, self.unread) if problem.note]


def read_part(
    path: Path, overrides: Sequence[str] = (), *, may_change: Sequence[str] | None = None, of_a_run: bool = False
) -> RecipePart:
    """A recipe file, as far as it can be read.

    Args:
        path: the file.
        overrides: ``key.path=value`` from the command line.
        may_change: the sections that overrides may change; None for all.
        of_a_run: whether it is a run's, as for `RecipePart`.

    Raises:
        RecipeError: the file cannot be read, or an override changes another section.
    """
    layers = read_layers(path, overrides)
    problems = RecipeProblems(list(layers.problems))
    if layers.root is None:
        _raise_errors(problems)
    for override in layers.overrides if may_change is not None else ():
        name = override.path[0]
        if name not in (may_change or ()):
            message = f"`{name}` cannot be changed here"
            problems.error(message, name, override.value.key, nearest(name, may_change or ()))
    if problems.errors:
        _raise_errors(problems)
    root, said = layers.form(False)
    problems.entries += said
    if layers.demo is not None:  # not applied, and not hidden from `check_keys`
        root = replace(root, value={**(root.map or {}), "demo": layers.demo})
    return RecipePart(root, problems, layers.problems, of_a_run=of_a_run)


def part_of_text(text: str, shown: str, typed: bool = True) -> RecipePart:
    """A recipe that is given as text.

    Args:
        text: YAML.
        shown: what messages call it.
        typed: whether the user wrote it so, as for `RecipePart`.

    Raises:
        RecipeError: it is not a map that can be read.
    """
    reading = read_text(text, shown)
    problems = RecipeProblems(list(reading.problems))
    if reading.root is None or reading.root.map is None:
        if not problems.errors:
            problems.error(f"{shown} must be a map such as {{use: NAME}}", "", Mark(shown, 1, 1))
        _raise_errors(problems)
    return RecipePart(reading.root, problems, reading.problems, typed=typed)


def _without_position(problem: Problem) -> Problem:
    return replace(problem, mark=problem.mark and Mark(problem.mark.file))


def _raise_errors(problems: RecipeProblems) -> NoReturn:
    raise RecipeError(problems.errors, problems.broken_plugin)
