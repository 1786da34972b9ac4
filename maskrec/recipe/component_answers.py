"""What targets answer about their values, as problems with their places in the recipe."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from maskrec.base.errors import PluginError
from maskrec.contracts.component_calls import Metrics, ask_check, declared_metrics
from maskrec.contracts.context import CheckContext
from maskrec.contracts.givens import GIVEN_TYPES
from maskrec.contracts.problem import Problem
from maskrec.recipe.plan import Spec
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.values import INVALID


def check_values(
    target: Any, spec: Spec, values: Mapping[str, Any], context: CheckContext, problems: RecipeProblems, *, last: bool
) -> None:
    """Let the target's own ``check`` look at its values.

    Args:
        target: a class or function.
        spec: the component.
        values: its parameters; nested components as specs, or built.
        context: what is known by now.
        problems: where the answers go, and the plugin's error where the check itself fails.
        last: whether everything is known that ever will be; before that, asking for another given is not an error.
    """
    later = () if last else GIVEN_TYPES.keys() - context.givens.keys()
    try:
        for answer in ask_check(target, spec.versioned, values, context, later):
            problems.entries.append(_placed(answer, spec))
    except PluginError as error:
        problems.plugin_error(str(error), spec.path, spec.mark)


def check_rest(
    target: Any, spec: Spec, refused: Collection[str], context: CheckContext, problems: RecipeProblems
) -> None:
    """Let the target's ``check`` look at the parameters that are valid where others are not.

    It is not made for a part of its values: what it reports until it asks for another one counts, its errors do not.

    Args:
        target: a class or function.
        spec: the component, with its valid parameters.
        refused: the names of the others, and of givens.
        context: what is known by now.
        problems: where the answers go.
    """
    values = {name: value for name, value in spec.parameters.items() if not _holds_invalid(value)}
    with contextlib.suppress(PluginError):
        for answer in ask_check(target, spec.versioned, values, context, {*refused, *GIVEN_TYPES, *spec.parameters}):
            problems.entries.append(_placed(answer, spec))


def _holds_invalid(value: Any) -> bool:
    """Whether the value or anything in it was rejected."""
    if isinstance(value, Mapping):
        return any(map(_holds_invalid, value.values()))
    return value is INVALID or (isinstance(value, (list, tuple)) and any(map(_holds_invalid, value)))


def metrics_of(target: Any, spec: Spec, problems: RecipeProblems) -> Metrics | None:
    """The metrics that an evaluator declares; None, with a problem, where it fails."""
    try:
        return declared_metrics(target, spec.versioned, spec.parameters)
    except PluginError as error:
        problems.plugin_error(str(error), spec.path, spec.mark)
        return None


def _placed(problem: Problem, spec: Spec) -> Problem:
    """A component's own problem, with its path and place in the recipe."""
    return replace(problem.within(spec.path), mark=problem.mark or spec.mark_of(problem.path))
