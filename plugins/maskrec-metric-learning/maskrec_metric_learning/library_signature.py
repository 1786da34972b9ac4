"""Names and defaults of parameters from the library's own constructors; types from what this plugin states."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import nn

from maskrec.contracts.context import Context
from maskrec_metric_learning.stated import Stated

GIVENS: dict[str, Any] = {"num_classes": int, "embedding_size": int, "seed": int, "context": Context}
RENAMED = {"descriptors_dim": "embedding_size"}  # by the library: the given that is meant


def constructor_parameters(library: type) -> dict[str, inspect.Parameter]:
    """All named parameters of a class of the library, those that its bases take through ``**kwargs`` too."""
    found: dict[str, inspect.Parameter] = {}
    for base in library.__mro__:
        init = vars(base).get("__init__")
        if base is nn.Module or init is None:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        for each in parameters:
            if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                found.setdefault(each.name, each)
        if not any(each.kind is each.VAR_KEYWORD for each in parameters):
            break  # passes nothing on
    return found


def signature_of(
    library: type, stated: Mapping[str, Stated], left_out: Collection[str], givens: Collection[str] = ()
) -> inspect.Signature:
    """What a recipe may set, in the library's order; one that a newer library has added has no type.

    Args:
        library: the class.
        stated: types of its parameters by name.
        left_out: parameters that no recipe sets, where they are not stated.
        givens: what the target here takes from the run.
    """
    theirs = constructor_parameters(library)
    offered = [name for name in theirs if name in stated or name not in left_out]
    parameters = [
        theirs[name].replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            annotation=stated[name].annotation if name in stated else inspect.Parameter.empty,
        )
        for name in offered
    ]
    return inspect.Signature([*map(_given, givens), *parameters])


def givens_of(library: type) -> Iterator[str]:
    """The givens that the library's constructor must have: those without a default."""
    for name, each in constructor_parameters(library).items():
        meant = RENAMED.get(name, name)
        if meant in GIVENS and each.default is each.empty:
            yield meant


def with_parameter(signature: inspect.Signature, name: str, stated: Stated, default: Any = None) -> inspect.Signature:
    """The signature with one more parameter."""
    more = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=stated.annotation)
    return signature.replace(parameters=[*signature.parameters.values(), more])


def library_values(library: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values under the names of the library's constructor, without those that it does not take."""
    theirs = constructor_parameters(library)
    renamed = {name: RENAMED.get(name, name) for name in theirs}
    return {name: values[meant] for name, meant in renamed.items() if meant in values}


def documentation(summary: str, details: str, stated: Mapping[str, Stated], signature: inspect.Signature) -> str:
    """A docstring with the parameters of the signature."""
    rows = [f"    {name}: {_help(name, stated)}." for name in signature.parameters]
    return "\n".join([f"{summary[0].upper()}{summary[1:]}.", "", details, "", "Args:", *rows])


def _help(name: str, stated: Mapping[str, Stated]) -> str:
    if name in stated:
        return stated[name].help
    return "given by the run" if name in GIVENS else "of a newer pytorch-metric-learning than this plugin knows"


def _given(name: str) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=GIVENS[name])
