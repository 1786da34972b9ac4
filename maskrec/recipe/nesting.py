"""Parameters that contain components: alone, beside other types, or in lists and maps, at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, Union, get_origin

from maskrec.contracts.kinds import Kind
from maskrec.plugin.catalog import Catalog, LookupFailed
from maskrec.recipe.annotations import component_marker, describe, holds_component, is_union, item_annotation, members
from maskrec.recipe.merging import OPENED, is_opened
from maskrec.recipe.node import Node, plain, show
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.values import EMPTY, INVALID, check_value, narrow


class ComponentChecker(Protocol):
    """What checks a component that is found here; it meets nested ones here again."""

    catalog: Catalog
    requires: tuple[str, ...] | None
    problems: RecipeProblems

    def component(self, node: Node, kind: str, path: str, part: str, around: str, /) -> Spec | Opened | None:
        """The checked component, or None with problems."""
        ...

    def labels(self, node: Node, path: str) -> None:
        """Problems of the names in a map."""
        ...


class Nesting:
    """Checks such parameters of one component.

    Args:
        components: checks each nested component.
        kind: of the component around them, whose givens its parts see.
    """

    def __init__(self, components: ComponentChecker, kind: str) -> None:
        self.components, self.kind, self.problems = components, kind, components.problems

    def value(self, node: Node, annotation: Any, path: str, default: Any = EMPTY) -> Any:
        """What the parameter receives, specs in place of components; ``INVALID`` when it is rejected."""
        if component_marker(annotation) is not None:
            return self._component(node, annotation, path)
        if is_union(annotation):
            return self._union(node, annotation, path, default)
        if not holds_component(annotation):
            return check_value(node, annotation, path, self.problems, default)
        children = _children(node, annotation)
        if children is None or is_component(node):
            return self._refuse(node, annotation, path)
        values = [self.value(child, item, f"{path}.{key}") for key, child, item in children]
        self.components.labels(node, path)
        if node.map is None:
            return tuple(values) if get_origin(annotation) is tuple else values
        return {key: value for (key, _, _), value in zip(children, values, strict=True)}

    def _component(self, node: Node, annotation: Any, path: str) -> Any:
        kind, part = _wanted(annotation)
        found = self.components.component(node, kind, path, part, self.kind)
        return INVALID if found is None else found

    def _union(self, node: Node, annotation: Any, path: str, default: Any) -> Any:
        slots = [member for member in members(annotation) if component_marker(member) is not None]
        if slots and is_component(node):
            return self._component(node, self._fitting(slots, node), path)
        for member in members(narrow(annotation, node)):
            if holds_component(member) and component_marker(member) is None and _children(node, member) is not None:
                return self.value(node, member, path)
        rest = tuple(member for member in members(annotation) if not holds_component(member))
        if rest:
            return check_value(node, Union[rest], path, self.problems, default, annotation)  # noqa: UP007
        return self._component(node, slots[0], path) if slots else self._refuse(node, annotation, path)

    def _refuse(self, node: Node, annotation: Any, path: str) -> Any:
        message = f"`{path.rpartition('.')[2]}` must be {describe(annotation)}, not {show(plain(node))}"
        self.problems.error(message, path, node.mark)
        return INVALID

    def _fitting(self, slots: list[Any], node: Node) -> Any:
        """Among several kinds, the first that has a component of this name, or that is opened as the node says."""
        use = node.child("use")
        for member in slots:
            kind, part = _wanted(member)
            if kind == "backbone" and is_opened(node):
                return member
            try:
                self.components.catalog.lookup(kind, str(use.value if use else ""), self.components.requires, part)
                return member
            except LookupFailed:
                continue
        return slots[0]


def _wanted(annotation: Any) -> tuple[str, str]:
    """The kind, and for a part its name."""
    found = component_marker(annotation)
    assert found is not None
    return (found.name, "") if isinstance(found, Kind) else ("part", found.name)


def _children(node: Node, annotation: Any) -> list[tuple[Any, Node, Any]] | None:
    """Key, node and annotation of every item; None where the value is not such a collection."""
    is_map = item_annotation(annotation, "label") is not EMPTY
    if (node.map is None and node.items is None) or is_map != (node.map is not None):
        return None
    pairs: Iterator[tuple[Any, Node]] = iter((node.map or {}).items() if is_map else enumerate(node.items or []))
    found = [(key, child, item_annotation(annotation, key)) for key, child in pairs]
    arguments = getattr(annotation, "__args__", ())
    if get_origin(annotation) is tuple and Ellipsis not in arguments and len(found) != len(arguments):
        return None
    return found


def is_component(node: Node) -> bool:
    """Whether the value is written as a component."""
    return any(node.child(name) is not None for name in ("use", *OPENED))
