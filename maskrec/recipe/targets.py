"""What targets declare about themselves: their own ``check`` and an evaluator's ``metrics``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from maskrec.base.words import typed_line
from maskrec.contracts.context import CheckContext
from maskrec.contracts.givens import GIVEN_TYPES
from maskrec.contracts.problem import Mark, Problem
from maskrec.recipe.plan import Spec
from maskrec.recipe.problems import Problems


def ask_check(target: Any, spec: Spec, givens: Mapping[str, Any], findings: Problems) -> None:
    """Let the target check its values with what is known before anything is built.

    A ``KeyError`` for a given that is not known yet counts as no answer: the target is asked again once the given is
    known.
    """
    check = own_function(target, "check")
    if check is None:
        return
    answers: list[Any] = []
    try:
        for answer in check(dict(spec.parameters), CheckContext(givens=dict(givens))) or ():
            answers.append(answer)  # one by one: problems yielded before an exception count
    except KeyError as error:
        if not error.args or error.args[0] not in GIVEN_TYPES:
            findings.plugin_error(f"the check of {spec.name} failed: KeyError: {error}", spec.path, spec.mark)
    except Exception as error:  # third-party code
        said = f"the check of {spec.name} failed: {typed_line(error)}"
        findings.plugin_error(said, spec.path, spec.mark)
    for answer in answers:
        if isinstance(answer, Problem):
            findings.problems.append(placed(answer, spec))
        else:
            said = f"the check of {spec.name} yielded {type(answer).__name__}, not Problem"
            findings.plugin_error(said, spec.path, spec.mark)


def own_function(target: Any, name: str) -> Any:
    """A static or class method of a class, or an attribute that a function carries; None where there is none."""
    stated = inspect.getattr_static(target, name, None)
    if inspect.isclass(target) and not isinstance(stated, (staticmethod, classmethod)):
        return None
    found = getattr(target, name, None) if stated is not None else None
    return found if callable(found) else None


def placed(problem: Problem, spec: Spec) -> Problem:
    """A component's own problem, with its path and place in the recipe."""
    return replace(problem.within(spec.path), mark=problem.mark or mark_within(spec, problem.path))


def mark_within(spec: Spec, path: str) -> Mark | None:
    """The mark of a parameter named from its component (``parts.arc.margin``), or of the nearest value around it."""
    first, _, rest = path.partition(".")
    value = spec.parameters.get(first)
    while rest and isinstance(value, (Mapping, list, tuple)):
        step, _, rest = rest.partition(".")
        value = _item(value, step)
    if rest and isinstance(value, Spec):
        return mark_within(value, rest)
    return spec.marks.get(first, spec.mark)


def _item(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    return value[int(step)] if step.isdecimal() and int(step) < len(value) else None


def metrics_of(target: Any, spec: Spec, findings: Problems) -> dict[str, Literal["min", "max"]] | None:
    """The metrics that an evaluator reports and which direction is better; None, with a problem, where that fails."""
    stated = own_function(target, "metrics")
    if stated is None:
        findings.plugin_error(f"{spec.name} has no static `metrics`, so it cannot choose the best epoch", "", spec.mark)
        return None
    try:
        found = dict(stated(dict(spec.parameters)))
    except Exception as error:  # third-party code
        said = f"the metrics of {spec.name} failed: {typed_line(error)}"
        findings.plugin_error(said, spec.path, spec.mark)
        return None
    wrong = [name for name, mode in found.items() if mode not in ("min", "max") or not isinstance(name, str)]
    if wrong:
        said = f"the metrics of {spec.name} must be min or max, not {found[wrong[0]]!r} for {wrong[0]!r}"
        findings.plugin_error(said, spec.path, spec.mark)
        return None
    return found
