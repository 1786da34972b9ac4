"""Overrides from the command line: ``key.path=value``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from maskrec.contracts.problem import Mark, Problem
from maskrec.recipe.merging import Report, merge
from maskrec.recipe.node import COMMAND_LINE, Node
from maskrec.recipe.reading import DEEPEST, read_source
from maskrec.recipe.source import NamedText

NOT_THERE = ("extends",)


@dataclass(frozen=True, slots=True)
class Override:
    """One ``key.path=value``; ``path`` holds at least one name."""

    path: tuple[str, ...]
    value: Node


def read_overrides(texts: Sequence[str], report: Report) -> list[Override]:
    """Read all overrides, in the order in which they apply: ``use`` first, outer ones before inner ones.

    Values are scalars by the rules of recipes, or flow YAML (``[5, 10]``, ``{use: sgd}``).
    """
    found: dict[tuple[str, ...], Override] = {}
    for text in texts:
        override = _read(text, report)
        if override is None:
            continue
        if override.path in found:
            name = ".".join(override.path)
            report(Problem(f"`{name}` is overridden twice; keep one", name, mark=override.value.mark))
        found[override.path] = override
    return sorted(found.values(), key=lambda override: (override.path[-1] != "use", len(override.path)))


def apply_override(root: Node, override: Override, report: Report) -> Node:
    """The recipe with the override's value merged in; missing maps on the path are created."""
    layer, here = override.value, override.value.key
    for depth in range(len(override.path) - 1, -1, -1):
        layer = Node({override.path[depth]: layer}, override.value.mark, here)
    blocked = _blocked(root, override)
    if blocked:
        report(blocked)
        return root
    return merge(root, layer, report)


def _blocked(root: Node, override: Override) -> Problem | None:
    """A value on the path that is not a map and would be overwritten silently."""
    node: Node | None = root
    for depth, name in enumerate(override.path):
        if node is None or node.value is None:
            return None
        if node.map is None:
            inner = ".".join(override.path[:depth])
            hint = f"override `{inner}` as a whole"
            return Problem(f"`{inner}` is not a map, so it has no `{name}`", inner, hint, override.value.key)
        node = node.child(name)
    return None


def _read(text: str, report: Report) -> Override | None:
    key, sign, value = text.partition("=")
    source = NamedText(COMMAND_LINE, text)
    start = source.at(0, 0)
    path = tuple(key.strip().split("."))
    if not sign or not all(path):
        hint = "write it like loss.margin=0.3"
        report(Problem("an override is `key.path=value`", hint=hint, mark=start))
        return None
    if len(path) > DEEPEST // 2 or path[0] in NOT_THERE:
        what = "cannot be overridden; name another recipe" if path[0] in NOT_THERE else "is nested too deep"
        report(Problem(f"`{'.'.join(path[:5])}` {what}", mark=start))
        return None
    node = _value(text, len(key) + 1, value, start, report)
    return None if node is None else Override(path, node)


def _value(text: str, column: int, value: str, start: Mark, report: Report) -> Node | None:
    """The value's tree, with columns counted in the whole argument."""
    source = _Shifted(text, column, value)
    here = source.at(0, len(value) - len(value.lstrip()))
    if not value.strip():
        return Node(None, here, start)
    reading = read_source(source)
    wrong = list(reading.problems)
    if not wrong and (reading.root is None or _partly_read(value)):
        hint = "put the value in quotes of its own, or write maps and lists as {a: 1} and [1, 2]"
        wrong = [Problem("this value cannot be read to its end", hint=hint, mark=here)]
    for problem in wrong:
        report(problem)
    return None if wrong or reading.root is None else Node(reading.root.value, reading.root.mark, start)


class _Shifted(NamedText):
    """The text after ``=``, marked as part of the whole argument."""

    def __init__(self, text: str, shift: int, value: str) -> None:
        super().__init__(COMMAND_LINE, text)
        self.text, self.shift = value, shift

    def at(self, line: int, column: int) -> Mark:
        return NamedText.at(self, line, column + (self.shift if line == 0 else 0))


def _partly_read(value: str) -> bool:
    """Whether a comment, a document marker or block style hides in the value (which has been read without error)."""
    end = 0
    events: Iterator[Any] = iter(yaml.parse(value, Loader=yaml.SafeLoader))
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent) and not event.flow_style:
            return True
        if isinstance(event, yaml.DocumentStartEvent | yaml.DocumentEndEvent) and event.explicit:
            return True
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            mark: Any = event.end_mark
            end = mark.index
    return bool(value[end:].strip())
