"""The evaluators that a file names, whatever else a recipe would need: for measuring a model that exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.plugin.catalog import Catalog
from maskrec.recipe.part_of_recipe import RecipePart, read_part
from maskrec.recipe.plan import Opened, Spec, Train
from maskrec.recipe.sections import read_train, section_map

SECTIONS = ("requires", "seed", "image_size", "evaluate")
"""What an evaluations file may have, beside ``extends``."""


@dataclass(frozen=True, slots=True)
class NamedEvaluations:
    """What is to be measured.

    Args:
        evaluate: the evaluators, by label.
        seed: of the masks that are put on.
        image_size: side of the canvas in pixels, or None for the backbone's own.
        requires: the file's requirements.
        train: of a run's recipe: the settings that it was trained and evaluated with.
        notes: what the checker reports that is not an error.
    """

    evaluate: Mapping[str, Spec]
    seed: int
    image_size: int | None
    requires: tuple[str, ...] = ()
    train: Train | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)


def resolve_evaluations(
    path: Path, *, catalog: Catalog, overrides: Sequence[str] = (), data_root: Path = Path(), of_a_run: bool = False
) -> NamedEvaluations:
    """The evaluators of an evaluations file (``requires``, ``seed``, ``image_size``, ``evaluate``).

    Args:
        path: the file, in the language of recipes.
        catalog: where names are looked up.
        overrides: ``key.path=value`` from the command line.
        data_root: what its paths are relative to.
        of_a_run: whether it is a run's whole recipe, whose other sections are not looked at.

    Raises:
        RecipeError: all problems at once; exit code 3 where a plugin that it needs is broken.
    """
    part = read_part(path, overrides, may_change=SECTIONS, of_a_run=of_a_run)
    if not of_a_run:
        part.check_keys(SECTIONS, "an evaluations file")
    train = read_train(part.root, part.problems) if of_a_run else None
    evaluate = _evaluators(part, catalog)
    part.check_files(evaluate.values(), data_root)
    if not evaluate and not part.problems.errors:
        message = f"{path} names no evaluators"
        part.problems.error(message, "evaluate", part.root.mark, "write evaluate: {LABEL: {use: ...}}")
    part.refuse()
    found = {label: spec for label, spec in evaluate.items() if isinstance(spec, Spec)}
    notes = tuple(note.render() for note in part.notes())
    return NamedEvaluations(found, part.seed, part.image_size, part.requires or (), train, notes)


def _evaluators(part: RecipePart, catalog: Catalog) -> dict[str, Spec | Opened | None]:
    node = section_map(part.root, "evaluate", part.problems)
    if node is None:
        return {}
    if node.child("use") is not None:
        message = "`evaluate` must be a map from labels of your choice to evaluators, but is an evaluator itself"
        part.problems.error(message, "evaluate", node.label, "write evaluate: {LABEL: {use: ...}}")
        return {}
    components = part.components(catalog)
    components.labels(node, "evaluate")
    return {
        label: components.component(child, "evaluator", f"evaluate.{label}")
        for label, child in (node.map or {}).items()
    }
