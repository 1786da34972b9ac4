"""Annotations in which each component is replaced by a word that the JSON Schema keeps."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import WithJsonSchema

from maskrec.contracts.kinds import Kind
from maskrec.recipe.annotations import component_marker, holds_component, is_union, strict


def replaced(annotation: Any, word: str) -> Any:
    """The annotation as pydantic is to describe it: ``Loss`` becomes ``{word: "loss"}``, a part ``part.NAME``."""
    wanted = component_marker(annotation)
    if wanted is not None:
        name = wanted.name if isinstance(wanted, Kind) else f"part.{wanted.name}"
        return Annotated[Any, WithJsonSchema({word: name})]
    if not holds_component(annotation):
        return strict(annotation)
    arguments = tuple(a if a is Ellipsis else replaced(a, word) for a in get_args(annotation))
    if is_union(annotation):
        return Union[arguments]  # noqa: UP007
    origin = get_origin(annotation)
    kept = {dict: dict, tuple: tuple}.get(origin, list) if len(arguments) < 2 or origin is tuple else dict
    return types.GenericAlias(kept, arguments)
