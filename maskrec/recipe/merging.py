"""One layer of a recipe over another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from maskrec.contracts.problem import Problem
from maskrec.recipe.node import Node, nearest

LABELLED = ("transforms", "evaluate", "observe")
"""Maps from a label to a component, in order of first appearance; ``label: null`` removes one."""

OPENED = ("run", "file")
"""What a backbone may be opened from instead of ``use``."""

Report = Callable[[Problem], None]


def merge(below: Node, above: Node, report: Report, path: str = "") -> Node:
    """``above`` over ``below``: maps merge, scalars and lists replace.

    A changed ``use:`` drops the parameters beside the old one, and a note lists them. In a map of components null
    removes one. Nothing is changed in place.

    Args:
        below: the earlier layer.
        above: the later one, whose values and marks win.
        report: called with each note and problem.
        path: the path of both.
    """
    if below.map is None or above.map is None:
        return above
    kept = dict(below.map)
    if _another(below, above, path):
        report(_dropped(below, above, path))
        kept = {}
    for name, node in above.map.items():
        inner = f"{path}.{name}" if path else name
        old = kept.get(name)
        if inner in LABELLED and node.map is not None and (old is None or old.value is None):
            old = Node({}, node.mark, node.key)
        if node.value is None and _removes(below, old, path):
            if old is None:
                report(_nothing_to_remove(below, node, name, path))
            kept.pop(name, None)
        else:
            kept[name] = node if old is None else merge(old, node, report, inner)
    return replace(above, value=kept)


def _removes(below: Node, old: Node | None, path: str) -> bool:
    if path in LABELLED:
        return True
    return below.child("use") is None and old is not None and old.child("use") is not None


def _another(below: Node, above: Node, path: str) -> bool:
    """Whether ``above`` is another component than ``below``, not more of the same."""
    old, new = below.child("use"), above.child("use")
    if old is not None and new is not None:
        return old.value != new.value
    if path != "backbone":
        return False
    names = set(above.map or {})
    if new is not None:
        return any(below.child(name) is not None for name in OPENED)
    opened = [name for name in OPENED if name in names and below.child(name) is None]
    return bool(opened) and len(names) == 1


def _dropped(below: Node, above: Node, path: str) -> Problem:
    new = above.child("use") or next(iter((above.map or {}).values()))
    old = below.child("use") or next(iter((below.map or {}).values()))
    names = [name for name in below.map or {} if name != "use"]
    what = f"; what is written for {old.value} is dropped: {', '.join(names)}" if names else ""
    message = f"`{path}` is {new.value} instead of {old.value} ({old.mark.file}:{old.mark.line}){what}"
    return Problem(message, path=path, mark=replace(new.mark, text=""), note=True)


def _nothing_to_remove(below: Node, node: Node, name: str, path: str) -> Problem:
    hint = nearest(name, below.map or {}, nothing="the section has no labels to remove")
    return Problem(f"`{name}: null` removes an inherited label, but `{name}` was not inherited", path, hint, node.label)


def is_opened(node: Node) -> bool:
    """Whether the value is a backbone to be opened: no ``use``, but ``run`` or ``file``."""
    return node.child("use") is None and any(node.child(name) is not None for name in OPENED)
