"""Values of parameters: checked by pydantic, strictly, one by one; defaults in the form that recipes use."""

from __future__ import annotations

import enum
import inspect
import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from maskrec.recipe.annotations import (
    NotForRecipesError,
    choices,
    describe,
    holds_component,
    is_union,
    item_annotation,
    members,
    refuse_classes,
    strict,
    unannotated,
)  # fmt: skip
from maskrec.recipe.node import Node, nearest, plain, show
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.scalars import write_plain

INVALID = object()
"""Stands for a value that has been rejected."""

EMPTY = inspect.Parameter.empty


def check_value(
    node: Node,
    annotation: Any,
    path: str,
    problems: RecipeProblems,
    default: Any = EMPTY,
    whole: Any = EMPTY,
    owner: str = "",
) -> Any:
    """The value that the parameter at ``path`` receives, or ``INVALID`` when it is rejected.

    Args:
        node: the recipe's value.
        annotation: of the parameter; a value for an unannotated one is accepted unchecked, with a note.
        path: its place in the recipe.
        problems: collects the problems, one per value.
        default: the parameter's default; writing it out is always allowed, whatever the annotation says.
        whole: what messages describe, where ``annotation`` is only a part of it.
        owner: the component, as messages about its parameter name it.
    """
    value = plain(node)
    name = path.rpartition(".")[2]
    is_default = default is not EMPTY and _same(value, default)
    if not is_default and _infinite(node, name, path, problems):
        return INVALID
    if unannotated(annotation):
        what = f"this parameter of {owner}" if owner else "its parameter"
        hint = f"for its author: write the type in the signature{_such_as(name, value, default)}" if owner else ""
        problems.note(f"`{name}` could not be checked: {what} has no type", path, node.label, hint)
        return value
    if is_default:
        return normalized_default(default, annotation)
    narrowed = narrow(annotation, node)
    try:
        if node.map is not None:
            refuse_classes(annotation)
        return _validate(narrowed, value)
    except NotForRecipesError as error:
        whose = f" of {owner}" if owner else ""
        problems.plugin_error(f"`{name}`{whose} cannot be set by a recipe: {error}", path, node.mark)
    except _RefusedError as error:
        for loc in error.places:
            _refuse(node, narrowed, annotation if whole is EMPTY else whole, loc, path, problems, error.texts[loc])
    return INVALID


def _such_as(name: str, value: Any, default: Any) -> str:
    """A type that a parameter may have meant, as a signature has it: ``, such as `scale: float = 3.0```."""
    typical = value if default is EMPTY or default is None else default
    if isinstance(value, Mapping) and "pairs" in name:
        return f", such as `{name}: Pairs` (from maskrec import Pairs)"
    if not isinstance(typical, bool | int | float | str):
        return ""
    optional = " | None" if default is None else ""
    return f", such as `{name}: {type(typical).__name__}{optional}{'' if default is EMPTY else f' = {default!r}'}`"


def _infinite(node: Node, name: str, path: str, problems: RecipeProblems) -> bool:
    """Whether a value is or holds an infinite number, which only a parameter's own default may; each is a problem."""
    if isinstance(node.value, float) and math.isinf(node.value):
        problems.error(f"`{name}` must be finite, not {write_plain(node.value)}", path, node.mark)
        return True
    inner = [(f"{name}.{key}", f"{path}.{key}", child) for key, child in (node.map or {}).items()]
    inner += [(f"{name}[{place}]", f"{path}.{place}", child) for place, child in enumerate(node.items or [])]
    found = [_infinite(child, label, place, problems) for label, place, child in inner]  # all, not the first alone
    return any(found)


def settable(annotation: Any) -> bool:
    """Whether a recipe can write a value for it, other than null where that is allowed beside something else."""
    if unannotated(annotation) or holds_component(annotation):
        return True
    if is_union(annotation):
        return any(settable(member) for member in members(annotation) if member is not type(None))
    if Callable in (annotation, get_origin(annotation)):
        return False
    try:
        _adapter(annotation)
    except NotForRecipesError:
        return False
    return True


def accepts(annotation: Any, value: Any) -> bool:
    """Whether a plain value (scalars, lists, dicts) is one of the annotation's, which is of no component."""
    try:
        _validate(annotation, value)
    except (NotForRecipesError, _RefusedError):
        return False
    return True


def normalized_default(default: Any, annotation: Any) -> Any:
    """A default as it is after a recipe was written and read again; unchanged where no recipe can express it."""
    try:
        value = to_plain(default)
        return value if unannotated(annotation) else _validate(annotation, value)
    except (NotForRecipesError, _RefusedError):
        return default


def to_plain(value: Any) -> Any:
    """A parameter's value as scalars, lists and dicts.

    Raises:
        NotForRecipesError: the value cannot be written in a recipe.
    """
    if isinstance(value, enum.Enum):
        return to_plain(value.value)
    if isinstance(value, Path):
        return value.as_posix()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and not math.isnan(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: to_plain(item) for key, item in value.items()}
    raise NotForRecipesError(f"{show(value)} cannot be written in a recipe")


def narrow(annotation: Any, node: Node) -> Any:
    """The only member of a union that takes lists (or maps), where the value is one: errors then name the item."""
    if not is_union(annotation) or (node.items is None and node.map is None):
        return annotation
    fitting = [member for member in members(annotation) if _takes_collection(member, node.map is not None)]
    return fitting[0] if len(fitting) == 1 else annotation


def _takes_collection(annotation: Any, maps: bool) -> bool:
    origin = get_origin(annotation) or annotation
    if not inspect.isclass(origin) or issubclass(origin, str | enum.Enum):
        return False
    return issubclass(origin, Mapping) == maps and hasattr(origin, "__iter__")


class _RefusedError(Exception):
    """pydantic's errors: the place inside the value and the text of the first error there."""

    def __init__(self, texts: dict[tuple[Any, ...], str]) -> None:
        self.texts = texts
        self.places = list(texts)
        super().__init__()


def _validate(annotation: Any, value: Any) -> Any:
    from pydantic import ValidationError

    try:
        return _adapter(annotation).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        texts: dict[tuple[Any, ...], str] = {}
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            texts.setdefault(() if is_union(annotation) else each["loc"], f"{each['type']}:{each['msg']}")
        raise _RefusedError(texts) from None


def _adapter(annotation: Any) -> Any:
    try:
        return _cached_adapter(annotation)
    except TypeError:  # not hashable
        return _cached_adapter.__wrapped__(annotation)


@lru_cache(maxsize=512)
def _cached_adapter(annotation: Any) -> Any:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        return TypeAdapter(strict(annotation))
    except (PydanticUserError, TypeError, ValueError, NameError) as error:
        raise NotForRecipesError(f"{describe(annotation)} cannot be written in a recipe") from error


def _refuse(
    node: Node, annotation: Any, whole: Any, loc: tuple[Any, ...], path: str, problems: RecipeProblems, text: str
) -> None:
    """One error at the innermost value of the recipe that ``loc`` leads to."""
    name = path.rpartition(".")[2]
    expected = annotation if loc else whole
    for step in loc:
        child = _inside(node, step)
        if child is None or is_union(expected):
            break
        expected = item_annotation(_bare(expected), step)
        node, name, path = child, f"{name}[{step}]" if isinstance(step, int) else f"{name}.{step}", f"{path}.{step}"
    kind, _, message = text.partition(":")
    wanted = f"must be {describe(whole if expected is EMPTY else expected)}, not {show(plain(node))}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"):
        wanted = f"is {show(plain(node))}: {message[:1].lower()}{message[1:]}"
    known = choices(expected)
    value = node.value
    near = nearest(value, known) if isinstance(value, str) and known else ""
    problems.error(f"`{name}` {wanted}", path, node.mark, near if near.startswith("did you") else "")


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _inside(node: Node, step: Any) -> Node | None:
    if node.items is not None and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return node.child(step) if isinstance(step, str) else None


def _same(value: Any, default: Any) -> bool:
    """Whether a recipe's value is this default, written out; ``True`` is not ``1``."""
    try:
        return json.dumps(value, sort_keys=True) == json.dumps(to_plain(default), sort_keys=True)
    except NotForRecipesError:
        return False
