"""What a parameter's annotation accepts: in words, and in the form that pydantic checks strictly."""

from __future__ import annotations

import collections.abc
import enum
import inspect
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from maskrec.base.files import expand_home
from maskrec.base.words import article
from maskrec.contracts.kinds import KINDS, Kind, Part
from maskrec.recipe.node import show

_LISTS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a path",
    type(None): "null",
    None: "null",
}


class NotForRecipesError(ValueError):
    """An annotation or default that no recipe can write."""


def unannotated(annotation: Any) -> bool:
    """Whether a value for this annotation cannot be checked."""
    return annotation in (inspect.Parameter.empty, Any, object)


def component_marker(annotation: Any) -> Kind | Part | None:
    """The kind or part that the annotation itself asks for; None where it is not a component."""
    if get_origin(annotation) is Annotated:
        for extra in annotation.__metadata__:
            if isinstance(extra, Kind | Part):
                return extra
    return None


def refuse_classes(annotation: Any) -> None:
    """Refuse a component's class where the alias for one is meant: ``PairSet`` for ``Pairs``.

    Raises:
        NotForRecipesError: the sentence says what to annotate.
    """
    for member in members(annotation):
        name = getattr(member, "__name__", "")
        alias = "Pairs" if name == "PairSet" else name
        if str(getattr(member, "__module__", "")).startswith("maskrec.contracts.") and alias.lower() in KINDS:
            raise NotForRecipesError(
                f"{name} cannot be written in a recipe; for its author: annotate it `{alias}` (from maskrec import "
                f"{alias})"
            )


def holds_component(annotation: Any) -> bool:
    """Whether a component may stand anywhere in it."""
    if component_marker(annotation) is not None:
        return True
    return any(holds_component(argument) for argument in get_args(annotation) if not isinstance(argument, str))


def is_union(annotation: Any) -> bool:
    """``X | Y``, ``Union`` or ``Optional``."""
    return get_origin(annotation) in (Union, types.UnionType)


def members(annotation: Any) -> tuple[Any, ...]:
    """A union's members, or the annotation alone."""
    return get_args(annotation) if is_union(annotation) else (annotation,)


def item_annotation(annotation: Any, key: object) -> Any:
    """The annotation of one item of a list, tuple or map; ``Parameter.empty`` where it is unknown."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _MAPS and isinstance(key, str) and len(arguments) == 2:
        return arguments[1]
    if origin in _LISTS and arguments and isinstance(key, int):
        return arguments[0]
    if origin is tuple and isinstance(key, int):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return arguments[0]
        return arguments[key] if key < len(arguments) else inspect.Parameter.empty
    return inspect.Parameter.empty


def choices(annotation: Any) -> list[str]:
    """The strings that a Literal or Enum in it accepts."""
    found: list[str] = []
    for member in members(annotation):
        found += [value for value in _values(member) or () if isinstance(value, str)]
    return found


def _values(annotation: Any) -> tuple[Any, ...] | None:
    """All values of a Literal or an Enum, else None."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return tuple(member.value for member in annotation)
    return None


def describe(annotation: Any) -> str:
    """What the annotation accepts, worded to follow "must be".

    >>> describe(float | None), describe(Literal["avg", "gem"]), describe(list[int])
    ('a number or null', 'avg or gem', 'a list, each a whole number')
    """
    found = component_marker(annotation)
    if found is not None:
        return f"{article(found.name)} (`{{use: NAME}}`)"
    if get_origin(annotation) is Annotated:
        return describe(get_args(annotation)[0])
    if is_union(annotation):
        writable = [member for member in members(annotation) if _writable(member)] or members(annotation)
        return " or ".join(dict.fromkeys(describe(member) for member in writable))
    values = _values(annotation)
    if values is not None:
        words = [value if isinstance(value, str) else show(value) for value in values]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    return _WORDS.get(annotation) or _describe_collection(annotation)


def _describe_collection(annotation: Any) -> str:
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin in _MAPS:
        return f"a map, each value {describe(arguments[1])}" if len(arguments) == 2 else "a map"
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)}: {', '.join(describe(argument) for argument in arguments)}"
    if origin in _LISTS or origin is tuple:
        return f"a list, each {describe(arguments[0])}" if arguments else "a list"
    return str(getattr(annotation, "__name__", annotation))


def strict(annotation: Any) -> Any:
    """The annotation as pydantic is to check it.

    Abstract collections become list and dict, Literals and Enums take no boolean for a number (``True == 1``), a path
    is not empty, and beside a Literal it holds a ``/`` or a ``.``. Types that a recipe cannot write (a tensor beside a
    number, as torch annotates its optimizers) are left out of unions.
    """
    if _values(annotation) is not None:
        return _exact(annotation)
    if annotation is Path:
        return _path(beside_literal=False)
    if annotation in _LISTS or annotation in _MAPS or annotation is tuple:
        return dict[str, Any] if annotation in _MAPS else tuple[Any, ...] if annotation is tuple else list[Any]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(strict(arguments[0]), *annotation.__metadata__)]
    if is_union(annotation):
        return _strict_union(arguments)
    if origin in _MAPS and len(arguments) == 2:
        return dict.__class_getitem__((arguments[0], strict(arguments[1])))
    if origin in _LISTS:
        return list.__class_getitem__(strict(arguments[0]))
    if origin is tuple:
        return tuple.__class_getitem__(tuple(a if a is Ellipsis else strict(a) for a in arguments))
    return annotation


def _strict_union(arguments: tuple[Any, ...]) -> Any:
    literal = any(_values(argument) is not None for argument in arguments)
    writable = [argument for argument in arguments if _writable(argument)]
    checked = [_path(literal) if argument is Path else strict(argument) for argument in writable]
    return Union[tuple(checked or arguments)]  # noqa: UP007


def _writable(annotation: Any) -> bool:
    if not inspect.isclass(annotation) or get_origin(annotation) is not None:
        return get_origin(annotation) is not collections.abc.Callable
    return annotation in _WORDS or annotation in (*_LISTS, *_MAPS, tuple) or issubclass(annotation, enum.Enum)


def _exact(annotation: Any) -> Any:
    from pydantic import BeforeValidator

    allowed = _values(annotation) or ()

    def same_type(value: Any) -> Any:
        if not any(type(value) is type(other) and value == other for other in allowed):
            raise ValueError("not one of the values")
        return value

    return Annotated[annotation, BeforeValidator(same_type)]


def _path(beside_literal: bool) -> Any:
    from pydantic import BeforeValidator, WithJsonSchema

    def looks_like_one(value: Any) -> Any:
        if isinstance(value, str) and (not value or "\0" in value):
            raise ValueError("no path")
        if beside_literal and isinstance(value, str) and not {"/", "."} & set(value):
            raise ValueError("neither one of the values nor a path")
        return expand_home(value) if isinstance(value, str) else value

    schema = {"type": "string", "format": "path", "pattern": "[/.]" if beside_literal else "."}
    return Annotated[Path, BeforeValidator(looks_like_one), WithJsonSchema(schema)]


_COMMON: dict[str, Any] = {
    name: getattr(module, name) for module in (typing, collections.abc) for name in module.__all__
}


def resolve_loosely(annotation: Any, scope: dict[str, Any]) -> Any:
    """The annotation of somebody else's signature; ``Any`` where it cannot be resolved.

    Names that they import for type checkers only are taken from ``typing`` and ``collections.abc``.
    """
    if not isinstance(annotation, str):
        return annotation

    def holder() -> None: ...

    holder.__annotations__ = {"value": annotation}
    try:
        return typing.get_type_hints(holder, globalns=_COMMON | scope, include_extras=True)["value"]
    except Exception:  # an annotation is any expression
        return Any
