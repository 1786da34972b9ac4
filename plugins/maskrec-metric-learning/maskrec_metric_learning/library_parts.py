"""Parts that are the library's own objects: distances, reducers, regularizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import torch

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec_metric_learning.built_by_library import build
from maskrec_metric_learning.library_signature import givens_of, signature_of
from maskrec_metric_learning.offered import Offered
from maskrec_metric_learning.part_parameters import LEFT_OUT
from maskrec_metric_learning.stated import Stated, range_problems
from maskrec_metric_learning.targets import target_of

_WITH_CLASSES = ("ClassWeightedReducer",)  # what asks for the number of identities here and not in the library


def part_targets(
    library: ModuleType, offered: Iterable[Offered], stated: Mapping[str, Mapping[str, Stated]], module: str
) -> dict[str, Callable[..., Any]]:
    """A function for each class, by the class's name, which builds the library's object.

    Args:
        library: the module that has the classes.
        offered: which ones.
        stated: their parameters, by the class's name.
        module: where the functions are put.
    """
    return {each.library: _target(library, each, stated[each.library], module) for each in offered}


def _target(library: ModuleType, offered: Offered, stated: Mapping[str, Stated], module: str) -> Callable[..., Any]:
    theirs = getattr(library, offered.library)
    givens = [*givens_of(theirs), *(["num_classes"] if offered.library in _WITH_CLASSES else [])]

    def make(values: dict[str, Any]) -> Any:
        if offered.library == "ClassWeightedReducer":
            values["weights"] = torch.tensor(values["weights"], dtype=torch.float64)
        return build(theirs, offered.name, values)

    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        yield from range_problems(stated, values)
        yield from _cross_checks(offered, {**context.givens, **values})

    return target_of(
        offered,
        make,
        check=check,
        signature=signature_of(theirs, stated, LEFT_OUT, givens),
        stated=stated,
        details=f"``{library.__name__}.{offered.library}``.",
        module=module,
    )


def _cross_checks(offered: Offered, values: Mapping[str, Any]) -> Iterable[Problem]:
    if offered.library == "ThresholdReducer" and values.get("low") is None and values.get("high") is None:
        yield Problem("a threshold reducer needs low, high or both", "low", "or use pml_mean_reducer")
    if offered.library == "ClassWeightedReducer":
        known, given = values.get("num_classes"), len(values["weights"])
        if known is not None and known != given:
            yield Problem(f"weights must be {known} numbers, one for each identity, not {given}", "weights")
