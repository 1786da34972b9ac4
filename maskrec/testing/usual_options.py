"""Options that a component is built with where an author names none, so that most need not be named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from maskrec.contracts.kinds import Kind
from maskrec.plugin.signature import EMPTY, ParameterInfo
from maskrec.recipe.annotations import component_marker, holds_component, is_union, item_annotation, members

BATCH_SIZE = 8
"""Of a sampler whose ``batch_size`` is required and not among its options."""
PAIRS = {
    "use": "maskrec/synthetic_pairs",
    "identities": 60,
    "images_per_identity": 4,
    "pairs": 200,  # for each of three conditions, in ten folds without common people
}
"""What a parameter that takes pairs gets where the options name none. Their images are never drawn."""
PEOPLE = 10_000
"""Numbers of people between two sets."""


def usual_options(kind: str, parameters: Iterable[ParameterInfo]) -> dict[str, Any]:
    """Values for required parameters that every component of this kind needs: a batch size, pairs.

    Args:
        kind: of the component.
        parameters: its own.
    """
    required = [info for info in parameters if info.required]
    if kind == "sampler":
        return {info.name: BATCH_SIZE for info in required if info.name == "batch_size"}
    if kind != "evaluator":
        return {}
    values = {info.name: pairs_for(info.annotation, PEOPLE * number) for number, info in enumerate(required, start=1)}
    return {name: value for name, value in values.items() if value is not None}


def pairs_for(annotation: Any, first: int) -> Any:
    """A recipe's value for this annotation that holds pairs; None where it takes none.

    Args:
        annotation: of a parameter.
        first: number of the first person.
    """
    found = component_marker(annotation)
    if found is not None:
        return {**PAIRS, "first_identity": first} if found == Kind("pairs") else None
    if is_union(annotation):
        return next((value for each in members(annotation) if (value := pairs_for(each, first)) is not None), None)
    if not holds_component(annotation) or not get_args(annotation):
        return None
    for key in ("pairs", 0):
        item = item_annotation(annotation, key)
        if item is not EMPTY and (inner := pairs_for(item, first)) is not None:
            return {key: inner} if key == "pairs" else [inner]
    return None
