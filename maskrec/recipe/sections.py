"""The sections that are not components: ``train`` and the values at the top; what ``optimization.py`` shares."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from maskrec.contracts.problem import Mark
from maskrec.plugin.registered import normalise
from maskrec.recipe.annotations import describe
from maskrec.recipe.node import COMMAND_LINE, Node, nearest, plain, show
from maskrec.recipe.plan import Train
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.validation_settings import PATH, Validation, check_shape, validation_node
from maskrec.recipe.values import INVALID, check_value

TOP = (
    "extends",
    "requires",
    "seed",
    "image_size",
    "backbone",
    "data",
    "sampler",
    "loss",
    "transforms",
    "evaluate",
    "observe",
    "optimizer",
    "scheduler",
    "train",
    "init",
    "demo",
)
REQUIRED = ("backbone", "data", "sampler", "loss", "optimizer", "train")

_AT_LEAST: dict[str, float] = {
    "seed": 0,
    "image_size": 1,
    "train.epochs": 1,
    "train.checkpoint_every": 1,
    "train.log_every": 1,
    "train.max_skipped": 0,
    "train.evaluate_every": 1,
    "train.accumulate": 1,
    "train.workers": 0,
    "train.prefetch": 0,
    "train.threads": 1,
    "train.validation.images_per_identity": 1,
    "train.validation.every": 1,
    "scheduler.warmup_steps": 0,
}
_BELOW: dict[str, float] = {"seed": 2**63, "train.ema": 1, "image_size": 10_000, "train.validation.fraction": 1}
_ABOVE: dict[str, float] = {"train.clip_gradient_norm": 0, "train.ema": 0, "train.validation.fraction": 0}


def limits_of(path: str) -> dict[str, float]:
    """The range of a value of the recipe's own, in the words of JSON Schema; empty where it has none."""
    words = (("minimum", _AT_LEAST), ("exclusiveMinimum", _ABOVE), ("exclusiveMaximum", _BELOW))
    return {word: limits[path] for word, limits in words if path in limits}


def check_top(root: Node, problems: RecipeProblems) -> None:
    """Check the recipe's top-level keys: unknown ones, and those that every recipe needs."""
    for name, node in (root.map or {}).items():
        if name not in TOP:
            problems.error(f"a recipe has no section `{name}`", name, node.label, nearest(name, TOP))
    for name in REQUIRED:
        node_there = root.child(name)
        if node_there is None or node_there.value is None:
            mark = root.mark if node_there is None else node_there.label
            problems.error(f"the recipe lacks `{name}`", name, mark)


def read_requires(root: Node, problems: RecipeProblems) -> tuple[str, ...] | None:
    """The requirement strings; None where the recipe has none."""
    node = root.child("requires")
    if node is None or node.value is None:
        return None
    if node.items is None:
        message = f"`requires` must be a list such as [maskrec>=0.1], not {show(plain(node))}"
        problems.error(message, "requires", node.mark)
        return None
    return tuple(text for item in node.items if (text := _requirement(item, problems)))


def _requirement(node: Node, problems: RecipeProblems) -> str:
    from importlib.metadata import PackageNotFoundError

    text = node.value
    try:
        wanted = Requirement(text) if isinstance(text, str) else None
    except InvalidRequirement:
        wanted = None
    if wanted is None or wanted.url or wanted.marker or wanted.extras:
        message = f"`requires` takes names and versions such as maskrec>=0.1, not {show(plain(node))}"
        problems.error(message, "requires", node.mark)
        return ""
    try:
        there = _installed(wanted.name) if wanted.name != "maskrec" else _own_version()
    except PackageNotFoundError:
        hint = f"pip install '{text}'"
        problems.error(f"this recipe requires {wanted.name}, which is not installed", "requires", node.mark, hint)
        problems.unmet[normalise(wanted.name)] = problems.entries[-1]
        return ""
    if not wanted.specifier.contains(there, prereleases=True):
        hint = f"pip install '{text}'"
        problems.error(f"this recipe requires {text}, but {there} is installed", "requires", node.mark, hint)
    return str(text)


@lru_cache(maxsize=1024)
def _installed(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def _own_version() -> str:
    from maskrec.base.version import __version__

    return __version__


def check_field(node: Node, annotation: Any, path: str, problems: RecipeProblems) -> Any:
    """A value of the recipe's own: type and range; ``INVALID`` when it is rejected."""
    value = check_value(node, annotation, path, problems)
    if value is INVALID or value is None or isinstance(value, (bool, str)):
        return value
    low, above, below = _AT_LEAST.get(path), _ABOVE.get(path), _BELOW.get(path)
    limits = [f"at least {low:g}"] if low is not None else []
    limits += [f"above {above:g}"] if above is not None else []
    limits += [f"below {'2**63' if path == 'seed' else f'{below:g}'}"] if below is not None else []
    inside = (low is None or value >= low) and (above is None or value > above) and (below is None or value < below)
    if inside and not (isinstance(value, float) and math.isinf(value)):
        return value
    wanted = " and ".join(limits) or "finite"
    problems.error(f"`{path.rpartition('.')[2]}` must be {wanted}, not {show(value)}", path, node.mark)
    return INVALID


def section_map(root: Node, name: str, problems: RecipeProblems) -> Node | None:
    """The section's node where it is a map; None, with a problem, where it is not."""
    node = root.child(name)
    if node is None or node.value is None:
        return None
    if node.map is None:
        problems.error(f"`{name}` must be a map, not {show(plain(node))}", name, node.mark)
        return None
    return node


def hints_of(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass's fields."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def check_fields(
    node: Node, cls: type, path: str, problems: RecipeProblems, skip: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values of those keys that are fields of ``cls``; the others are left to the caller."""
    found: dict[str, Any] = {}
    for name, annotation in hints_of(cls).items():
        child = node.child(name)
        if name in skip or child is None:
            continue
        value = check_field(child, annotation, f"{path}.{name}", problems)
        if value is not INVALID:
            found[name] = value
    return found


def change_train(train: Train, changes: Mapping[str, Any]) -> Train:
    """The section with other values for some of its fields, as the command line gives them.

    Raises:
        RecipeError: a value of another type or out of range.
    """
    problems, known = RecipeProblems(), hints_of(Train)
    nodes = {name: Node(value, Mark(COMMAND_LINE)) for name, value in changes.items()}
    values = {name: check_field(node, known[name], f"train.{name}", problems) for name, node in nodes.items()}
    problems.refuse()
    return dataclasses.replace(train, **values)


def read_train(root: Node, problems: RecipeProblems) -> Train | None:
    """The ``train`` section without ``best``; None where it is invalid."""
    node = section_map(root, "train", problems)
    if node is None:
        return None
    known = hints_of(Train)
    for name, child in (node.map or {}).items():
        if name not in known:
            problems.error(f"`train` has no `{name}`", f"train.{name}", child.label, nearest(name, known))
    values = check_fields(node, Train, "train", problems, skip=("best", "validation"))
    values["validation"] = _read_validation(node, problems)
    if node.child("epochs") is None:
        problems.error(f"`train` lacks `epochs`: {describe(int)}", "train.epochs", node.label)
    return Train(**values) if "epochs" in values else None


def _read_validation(train: Node, problems: RecipeProblems) -> Validation | None:
    node = validation_node(train)
    if node is None or not check_shape(node, tuple(hints_of(Validation)), problems):
        return None
    return Validation(**check_fields(node, Validation, PATH, problems))
