"""From a recipe file and its overrides to one tree: extends, the file, demo, the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maskrec.base.console import printable
from maskrec.base.errors import UsageError
from maskrec.base.files import expand_home
from maskrec.contracts.problem import Mark, Problem
from maskrec.recipe.merging import Report, merge
from maskrec.recipe.node import Node, show
from maskrec.recipe.overrides import Override, apply_override, read_overrides
from maskrec.recipe.reading import UnreadableError, load_text, read_text
from maskrec.recipe.shipped import PREFIX, shipped_recipe

WHEN_MISSING = "when_data_is_missing"


@dataclass(frozen=True, slots=True)
class Layers:
    """A recipe with its ``extends`` resolved, its ``demo`` and the command line's overrides kept separate.

    Args:
        root: the recipe without ``extends`` and ``demo``; ``requires`` accumulated. None where a file cannot be read.
        demo: the file's own ``demo`` overrides, or None.
        falls_back: whether ``demo`` says ``when_data_is_missing: true``.
        overrides: in the order in which they apply.
        problems: of reading and merging, including notes.
    """

    root: Node | None
    demo: Node | None
    falls_back: bool
    overrides: tuple[Override, ...]
    problems: tuple[Problem, ...]

    def form(self, demo: bool) -> tuple[Node, list[Problem]]:
        """The tree with or without the demo overrides, the command line's on top; and the problems of merging."""
        said: list[Problem] = []
        root = self.root
        assert root is not None
        if demo and self.demo is not None:
            root = merge(root, self.demo, said.append)
            said = [problem for problem in said if not problem.note]  # replacing components is what a demo is for
        for override in self.overrides:
            root = apply_override(root, override, said.append)
        return root, said


def read_layers(path: Path, overrides: Sequence[str] = ()) -> Layers:
    """Read a recipe, what it extends, and the overrides. Problems are collected, never raised."""
    problems: list[Problem] = []
    shown = printable(str(path))
    root = _read_chain(path, shown, [], None, problems.append)
    on_demo: list[Override] = []
    others: list[Override] = []
    for override in read_overrides(overrides, problems.append):
        (on_demo if override.path[0] == "demo" else others).append(override)
    if root is None:
        return Layers(None, None, False, (), tuple(problems))
    for override in on_demo:
        root = apply_override(root, override, problems.append)
    demo, falls_back = _demo(root.child("demo"), problems.append)
    return Layers(root.without("demo"), demo, falls_back, tuple(others), tuple(problems))


def _read_chain(path: Path, shown: str, chain: list[Path], asked: Mark | None, report: Report) -> Node | None:
    """The file merged over what it extends; None where it cannot be read."""
    try:
        resolved = path.resolve()
        text = load_text(path, shown)
    except (UnreadableError, OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        said = str(error) if isinstance(error, UnreadableError) else f"{shown} cannot be read ({error})"
        report(Problem(said, "extends" if asked else "", mark=asked))
        return None
    if resolved in chain:
        report(Problem(f"recipes extend each other in a circle: {shown} extends itself through this line", mark=asked))
        return None
    reading = read_text(text, shown)
    for problem in reading.problems:
        report(problem)
    if reading.root is None or reading.root.map is None:
        if not reading.problems:
            what = "is empty" if reading.root is None or reading.root.value is None else "is not a map"
            hint = "it starts like `backbone: {use: ...}`; see `maskrec recipes`"
            report(Problem(f"the recipe {what}", hint=hint, mark=Mark(shown, 1, 1)))
        return None
    return _over_parent(reading.root, path, shown, [*chain, resolved], report)


def _over_parent(root: Node, path: Path, shown: str, chain: list[Path], report: Report) -> Node | None:
    extends = root.child("extends")
    own = root.without("extends")
    base = Node({}, root.mark)
    if extends is None or extends.value is None:
        return merge(base, own, report)
    found = _parent_file(extends, path, shown, report)
    if found is None:
        return None
    if len(chain) > 20:
        report(Problem("more than 20 recipes extend each other", "extends", mark=extends.mark))
        return None
    parent = _read_chain(*found, chain, extends.mark, report)
    if parent is None:
        return None
    merged = merge(parent.without("demo"), own, report)
    requires = _accumulated(parent.child("requires"), own.child("requires"))
    return merged if requires is None else replace(merged, value={**(merged.map or {}), "requires": requires})


def _parent_file(extends: Node, path: Path, shown: str, report: Report) -> tuple[Path, str] | None:
    """The parent's file and its name in messages."""
    name = extends.value
    if not isinstance(name, str) or not name:
        hint = "write one file, relative to this one, or maskrec:NAME"
        report(Problem(f"`extends` must be a file name, not {show(name)}", "extends", hint, extends.mark))
        return None
    if name.startswith(PREFIX):
        try:
            return shipped_recipe(name.removeprefix(PREFIX)), printable(name.removesuffix(".yaml")) + ".yaml"
        except UsageError as error:
            report(Problem(str(error), "extends", mark=extends.mark))
            return None
    name = expand_home(name)
    if shown.startswith(PREFIX):
        return path.parent / name, printable(PREFIX + _beside(shown.removeprefix(PREFIX), name))
    return path.parent / name, printable(_beside(shown, name))


def _beside(shown: str, name: str) -> str:
    """The name in messages of the file ``name`` beside the file ``shown``."""
    return os.path.normpath(Path(shown).parent / name)


def _accumulated(below: Node | None, above: Node | None) -> Node | None:
    """Both lists, each requirement once; a value that is not a list is left for the checker to reject."""
    if below is None or above is None or below.items is None or above.items is None:
        return above if above is not None and above.value is not None else below
    known = {node.value for node in below.items if isinstance(node.value, str)}
    added = [node for node in above.items if not isinstance(node.value, str) or node.value not in known]
    return replace(above, value=below.items + added)


def _demo(demo: Node | None, report: Report) -> tuple[Node | None, bool]:
    """The overrides in ``demo`` and whether the recipe falls back to them."""
    if demo is None or demo.value is None:
        return None, False
    if demo.map is None:
        report(Problem(f"`demo` must be a map of overrides, not {show(demo.value)}", "demo", mark=demo.mark))
        return None, False
    switch = demo.child(WHEN_MISSING)
    if switch is not None and not isinstance(switch.value, bool):
        message = f"`{WHEN_MISSING}` must be true or false, not {show(switch.value)}"
        report(Problem(message, f"demo.{WHEN_MISSING}", mark=switch.mark))
    for name in ("extends", "demo", "requires"):
        inner = demo.child(name)
        if inner is not None:
            report(Problem(f"`demo` cannot change `{name}`; remove it there", f"demo.{name}", mark=inner.label))
    rest = demo.without(WHEN_MISSING, "extends", "demo", "requires")
    return rest, switch is not None and switch.value is True
