"""The backbone that a recipe names, whatever else is in it or missing: for commands that embed and do not train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.components import Components
from maskrec.recipe.layering import read_layers
from maskrec.recipe.named_files import check_files
from maskrec.recipe.node import marks_by_path
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.problems import RecipeProblems, each_once
from maskrec.recipe.sections import check_field, read_requires
from maskrec.recipe.values import INVALID


@dataclass(frozen=True, slots=True)
class NamedBackbone:
    """What a recipe says of its backbone.

    Args:
        backbone: its component, or what it is opened from.
        seed: the recipe's.
        image_size: side of the canvas in pixels, or None for the backbone's own.
    """

    backbone: Spec | Opened
    seed: int
    image_size: int | None


def resolve_backbone(path: Path, *, catalog: Catalog, data_root: Path = Path()) -> NamedBackbone:
    """The backbone of a recipe; its other sections are neither needed nor read.

    Args:
        path: the recipe file, or one with ``backbone`` alone.
        catalog: where names are looked up.
        data_root: what the recipe's paths are relative to.

    Raises:
        RecipeError: all problems of that section at once; exit code 3 where a plugin that it needs is broken.
    """
    layers = read_layers(path)
    problems = RecipeProblems(list(layers.problems))
    found: NamedBackbone | None = None
    if layers.root is not None:
        root, said = layers.form(False)
        problems.entries += said
        node = root.child("backbone")
        requires = read_requires(root, problems)
        values = {}
        for name, annotation in (("seed", int), ("image_size", int)):
            there = root.child(name)
            if there is not None and there.value is not None:
                values[name] = check_field(there, annotation, name, problems)
        values = {name: value for name, value in values.items() if value is not INVALID}
        if node is None or node.value is None:
            problems.error(f"{path} has no `backbone`", "backbone", None, "name a recipe that has one")
        else:
            built = Components(catalog, requires, problems, values).component(node, "backbone", "backbone")
            check_files([built], marks_by_path(root), data_root, problems)
            if built is not None:
                found = NamedBackbone(built, values.get("seed", 0), values.get("image_size"))
    errors = [problem for problem in each_once(problems.entries, layers.problems) if not problem.note]
    if errors or found is None:
        raise RecipeError(errors, problems.broken_plugin)
    return found
