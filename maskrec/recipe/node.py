"""A recipe's text as a tree whose values know their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from maskrec.base.words import did_you_mean
from maskrec.contracts.problem import Mark

Scalar: TypeAlias = "str | int | float | bool | None"

COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a recipe.

    Args:
        value: a scalar, a list of nodes, or a map of nodes by key, in the order of the text.
        mark: the place of the value.
        key: the place of its key; None in lists and at the top.
    """

    value: Scalar | list[Node] | dict[str, Node]
    mark: Mark
    key: Mark | None = None

    @property
    def map(self) -> dict[str, Node] | None:
        """The entries of a map, else None."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> list[Node] | None:
        """The items of a list, else None."""
        return self.value if isinstance(self.value, list) else None

    @property
    def label(self) -> Mark:
        """The place of its key, or of the value where it has no key."""
        return self.key or self.mark

    def child(self, name: str) -> Node | None:
        """The entry ``name`` of a map; None where there is none."""
        return None if self.map is None else self.map.get(name)

    def without(self, *names: str) -> Node:
        """The same map without these keys."""
        return replace(self, value={key: node for key, node in (self.map or {}).items() if key not in names})


def plain(node: Node) -> Any:
    """The tree without its marks: scalars, lists and dicts."""
    if node.map is not None:
        return {key: plain(child) for key, child in node.map.items()}
    if node.items is not None:
        return [plain(child) for child in node.items]
    return node.value


def marks_by_path(node: Node, path: str = "") -> dict[str, Mark]:
    """The place of every value, by dotted path; list items by their number."""
    found = {path: node.mark}
    children: Iterable[tuple[object, Node]] = (node.map or {}).items() if node.map is not None else ()
    for name, child in [*children, *enumerate(node.items or [])]:
        found.update(marks_by_path(child, f"{path}.{name}" if path else str(name)))
    return found


def closest_mark(marks: Mapping[str, Mark], path: str) -> Mark | None:
    """The mark of ``path``, or of the nearest value around it that is in the recipe."""
    while path and path not in marks:
        path = path.rpartition(".")[0]
    return marks.get(path)


def show(value: Any, limit: int = 60) -> str:
    """A value as a recipe would write it, for messages; shortened and without control characters."""
    words = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, Mapping):
        return "a map"
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def nearest(name: str, known: Iterable[str], nothing: str = "") -> str:
    """A hint for an unknown name: the nearest match, or all known names, or ``nothing`` where there are none."""
    names = list(dict.fromkeys(known))
    if near := did_you_mean(name, names, quote="`"):
        return near
    if not names:
        return nothing
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"known here: {shown}"
