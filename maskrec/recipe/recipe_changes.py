"""What differs between two resolved recipes, value by value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import eq
from typing import Any

from maskrec.recipe.node import plain, show
from maskrec.recipe.reading import read_text

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs.

    Args:
        path: of the value, such as ``loss.margin``.
        before: as a recipe would write it; ``nothing`` where the first recipe does not have it.
        after: likewise of the second.
    """

    path: str
    before: str
    after: str


def recipe_changes(before: str, after: str, same_component: Callable[[str, str], bool] = eq) -> list[Change]:
    """Every value in which two texts differ, in the order of the first; comments and layout do not count.

    Args:
        before: a resolved recipe.
        after: likewise.
        same_component: whether two names mean one component; by default, whether they are equal.
    """
    one, other = (_values(text) for text in (before, after))

    def same(path: str, was: Any, now: Any) -> bool:
        names = path.rpartition(".")[2] == "use" and isinstance(was, str) and isinstance(now, str)
        return _same(was, now) or (names and same_component(was, now))

    pairs = {path: (one.get(path, _ABSENT), other.get(path, _ABSENT)) for path in dict.fromkeys((*one, *other))}
    return [Change(path, _shown(was), _shown(now)) for path, (was, now) in pairs.items() if not same(path, was, now)]


def _values(text: str) -> dict[str, Any]:
    root = read_text(text, "recipe").root
    found: dict[str, Any] = {}
    if root is not None:
        _collect(plain(root), "", found)
    return found


def _collect(value: Any, path: str, found: dict[str, Any]) -> None:
    """Scalars and lists by path: a list is compared as one value."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            _collect(child, f"{path}.{key}" if path else str(key), found)
    else:
        found[path] = value


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else show(value)
