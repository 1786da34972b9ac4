"""One component described in plain text."""

from __future__ import annotations

import inspect
import textwrap
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from maskrec.base.console import table
from maskrec.base.errors import PluginError
from maskrec.contracts.kinds import Kind, Part
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.registered import Registered
from maskrec.plugin.signature import EMPTY, ParameterInfo, parameter_help, read_parameters, without_parameters
from maskrec.recipe.values import settable


def describe(entry: Registered, catalog: Catalog) -> str:
    """Name, provider, place, parameters and docstring of a component; its target is imported.

    Raises:
        PluginError: the target cannot be imported, or no recipe can fill its parameters.
    """
    target = catalog.load(entry)
    try:
        parameters = read_parameters(target, entry.kind)
    except ValueError as error:
        raise PluginError(f"{entry.noun} {entry.versioned}: {error}") from error
    head = [
        ("provider", str(entry.provider) if entry.provider.file else f"{entry.provider} ({entry.provider.name})"),
        ("target", entry.component.target),
        ("source", source_place(target)),
        *([("before", ", ".join(entry.component.aliases))] if entry.component.aliases else []),
    ]
    sections = [f"{entry.noun} {entry.qualified}: {entry.component.summary}", table(head)]
    helps = parameter_help(target)
    own = [parameter for parameter in parameters if not parameter.given]
    given = [parameter for parameter in parameters if parameter.given]
    if own:
        sections.append("Parameters:\n" + _list(own, helps))
    if given:
        sections.append("Given by the runner:\n" + _list(given, helps))
    sections.append(without_parameters(inspect.cleandoc(target.__doc__ or "") or "(no docstring)"))  # not a parent's
    return "\n\n".join(sections)


def _list(parameters: list[ParameterInfo], helps: dict[str, str]) -> str:
    lines = []
    for parameter in parameters:
        unset = "" if parameter.given or settable(parameter.annotation) else "  (no recipe can set it)"
        lines.append(f"  {parameter.name}: {type_text(parameter.annotation)}{_default(parameter)}{unset}")
        lines += textwrap.wrap(helps.get(parameter.name, ""), 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def _default(parameter: ParameterInfo) -> str:
    if parameter.default is EMPTY:
        return "" if parameter.given else "  (required)"
    value = parameter.default
    return f" = {value.value if isinstance(value, Enum) else value!r}"


def source_place(target: Any) -> str:
    """``file:line`` where the target is defined, or a note that this is not known."""
    try:
        plain = inspect.unwrap(target)
        return f"{inspect.getsourcefile(plain)}:{inspect.getsourcelines(plain)[1]}"
    except (OSError, TypeError):
        return "(not known)"


def type_text(annotation: Any) -> str:
    """The annotation as readers of recipes need it: ``float``, ``'focal' | 'cross_entropy'``, ``loss {use: ...}``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is EMPTY:
        return "(no annotation)"
    if origin is Annotated:
        marks = [mark for mark in annotation.__metadata__ if isinstance(mark, (Kind, Part))]
        return f"{marks[0].name} {{use: ...}}" if marks else type_text(arguments[0])
    if origin is Literal:
        return " | ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " | ".join(map(type_text, arguments))
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return " | ".join(repr(member.value) for member in annotation)
    if annotation is type(None):
        return "None"
    if inspect.isclass(origin) and arguments:
        return f"{origin.__name__}[{', '.join('...' if a is Ellipsis else type_text(a) for a in arguments)}]"
    return inspect.formatannotation(annotation).removeprefix("pathlib.")
