"""A component's parameters: the signature of its target, annotations resolved."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from dataclasses import dataclass
from typing import Any

from maskrec.contracts.component_calls import static_function
from maskrec.contracts.givens import GIVEN_TYPES, GIVENS

EMPTY = inspect.Parameter.empty
_ARGS = re.compile(r"^Args:[ \t]*\n((?:[ \t]+\S.*(?:\n|$)|[ \t]*\n)+)", re.MULTILINE)


class DeclarationError(ValueError):
    """A target whose parameters no recipe can fill; one sentence for the plugin's author."""


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One parameter of a target.

    Args:
        name: as in the recipe.
        annotation: the resolved type, ``Annotated`` kept; ``inspect.Parameter.empty`` without one.
        default: ``inspect.Parameter.empty`` without one.
        given: whether the runner supplies it.
    """

    name: str
    annotation: Any
    default: Any
    given: bool

    @property
    def required(self) -> bool:
        """Whether the recipe must set it."""
        return self.default is EMPTY and not self.given


def read_parameters(target: Any, kind: str) -> tuple[ParameterInfo, ...]:
    """The parameters that a recipe may set and the givens that the target requests, in the order of its signature.

    A class is read by its constructor, a function by itself, and either by its own static
    ``parameters() -> inspect.Signature`` where it has one. ``*args`` and ``**kwargs`` accept nothing.

    Args:
        target: a class or function.
        kind: one of ``contracts.kinds.KINDS``. For a part, the kind of the component around it; ``part`` itself
            stands for any of them.

    Raises:
        DeclarationError: an annotation that cannot be resolved, a parameter called ``use``, or one that must be
            passed by position.
    """
    name = getattr(target, "__qualname__", repr(target))
    signature = _signature(target, name)
    givens = GIVENS.get(kind, tuple(GIVEN_TYPES))
    scope = _globals(target)
    return tuple(
        ParameterInfo(
            parameter.name,
            _resolve(parameter.annotation, parameter.name, name, scope),
            parameter.default,
            parameter.name in givens,
        )
        for parameter in signature.parameters.values()
        if _fillable(parameter, name)
    )


def _signature(target: Any, name: str) -> inspect.Signature:
    own = static_function(target, "parameters")  # on a class only such a one: nn.Module has another ``parameters``
    try:
        signature = own() if own is not None else inspect.signature(target)
    except NameError as error:  # Python 3.14 evaluates annotations here
        raise DeclarationError(_unresolved(name, "", error)) from error
    except (TypeError, ValueError) as error:
        raise DeclarationError(f"{name} has no signature that can be read ({error})") from error
    if not isinstance(signature, inspect.Signature):
        raise DeclarationError(f"{name}.parameters() must return an inspect.Signature, not {type(signature).__name__}")
    return signature


def _fillable(parameter: inspect.Parameter, name: str) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    if parameter.kind is parameter.POSITIONAL_ONLY:
        if parameter.default is EMPTY:
            raise DeclarationError(f"{name}: parameter {parameter.name!r} is positional-only, so no recipe can fill it")
        return False
    if parameter.name == "use":
        raise DeclarationError(f"{name}: a parameter must not be called 'use', which recipes reserve; rename it")
    return True


def _globals(target: Any) -> dict[str, Any]:
    """The names that the target's annotations may use."""
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    module = sys.modules.get(getattr(target, "__module__", ""))
    return getattr(function, "__globals__", None) or (vars(module) if module else {})


def _resolve(annotation: Any, parameter: str, name: str, scope: dict[str, Any]) -> Any:
    if annotation is EMPTY:
        return EMPTY

    def holder() -> None: ...

    holder.__annotations__ = {parameter: annotation}
    try:
        return typing.get_type_hints(holder, globalns=scope, include_extras=True)[parameter]
    except Exception as error:  # an annotation is any expression
        raise DeclarationError(_unresolved(name, parameter, error)) from error


def _unresolved(name: str, parameter: str, error: Exception) -> str:
    where = f"the annotation of parameter {parameter!r}" if parameter else "an annotation"
    if isinstance(error, NameError):
        return (
            f"{name}: {where} names {error.name!r}, which does not exist at run time; "
            "import it at the module's top, not only under TYPE_CHECKING"
        )
    return f"{name}: {where} cannot be resolved ({type(error).__name__}: {error})"


def parameter_help(target: Any) -> dict[str, str]:
    """The descriptions of the parameters in the docstring's ``Args:``, one line each."""
    texts = [inspect.getdoc(target) or ""]
    if inspect.isclass(target):
        texts.append(inspect.getdoc(target.__init__) or "")
    found: dict[str, str] = {}
    for text in texts:
        section = _ARGS.search(text)
        name = ""
        for line in inspect.cleandoc(section[1]).splitlines() if section else ():
            head = re.match(r"(\w+)(?: *\(.*?\))?: *(.*)", line)
            if head and head[1] not in found:
                name, found[head[1]] = head[1], head[2]
            elif name and line.startswith(" "):
                found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def without_parameters(docstring: str) -> str:
    """The docstring (dedented) without its ``Args:`` section."""
    return _ARGS.sub("", docstring).rstrip()
