"""People of the training data and of the pairs, compared by name: what is wrong, and what should be known."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from maskrec.base.words import look_alike, names_in_both, spellings
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem
from maskrec.recipe.plan import Plan, Spec
from maskrec.runtime.builder import Builder

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Dataset

_NEEDS_CLASSES = {"num_classes", "class_counts"}


def people_problems(
    plan: Plan, builder: Builder, dataset: Dataset, pair_sets: Sequence[tuple[Spec, PairSet]]
) -> Iterator[Problem]:
    """One person only, one person under two names that look alike, and people who are trained on and measured."""
    if dataset.num_classes < 2 and (loss := _loss_with_classes(plan, builder)):
        who = f" ({dataset.identities[0]!r})" if dataset.identities else ""
        message = f"the training data has one person only{who}, but {loss} tells people apart"
        hint = "is one folder around everything? a folder of photos is a person"
        yield Problem(message, "data", hint, plan.data.mark)
    alike = [(one, other) for one, other in spellings(dataset.identities or ()) if look_alike(one, other)]
    if alike:
        message = f"{_named(alike)} of the training data look alike and are two people, written in two Unicode forms"
        yield Problem(message, "data", "give them one spelling, or two names", plan.data.mark)
    for spec, pairs in pair_sets:
        if shared := names_in_both(pairs.identities or (), dataset.identities or ()):
            count = "1 person" if len(shared) == 1 else f"{len(shared)} people"
            verb = "is" if len(shared) == 1 else "are"
            message = f"{count} of these pairs {verb} also in the training data ({_named(shared)})"
            hint = "people used in training must not be measured: remove them from one of the two"
            yield Problem(message, spec.path, hint, spec.mark)


def people_notes(dataset: Dataset, pair_sets: Sequence[tuple[Spec, PairSet]]) -> Iterator[str]:
    """Names that differ in case only, and people who choose a threshold and are measured by it too."""
    differ = [(one, other) for one, other in spellings(dataset.identities or ()) if not look_alike(one, other)]
    if differ:
        yield f"note: {_named(differ)} of the training data are two people whose names differ in case or spaces only"
    for (one, chosen), (other, measured) in combinations(pair_sets, 2):
        shared = names_in_both(chosen.identities or (), measured.identities or ())
        if shared and one.path.rpartition(".")[0] == other.path.rpartition(".")[0]:
            count = "1 person is" if len(shared) == 1 else f"{len(shared)} people are"
            yield f"note: {count} in both {one.path} and {other.path}"


def _loss_with_classes(plan: Plan, builder: Builder) -> str:
    """The first loss of the plan that asks for the classes; empty where none does."""
    for _, spec in plan.specs():
        if spec.path.split(".")[0] == "loss" and _NEEDS_CLASSES & _asked(builder.target(spec)):
            return spec.name
    return ""


def _asked(target: object) -> set[str]:
    try:
        return set(inspect.signature(target).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return set()


def _named(pairs: Iterable[tuple[str, str]]) -> str:
    """The first three, both spellings where they differ; those that look alike by their letters' numbers."""
    found = [_both(one, other) for one, other in pairs]
    return ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")


def _both(one: str, other: str) -> str:
    if one == other:
        return one
    return f"{one!a} and {other!a}" if look_alike(one, other) else f"{one!r} and {other!r}"
