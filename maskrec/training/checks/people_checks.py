"""People of the training data and of the pairs, compared by name: what is wrong, and what should be known."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from maskrec.base.words import counted, look_alike, spellings
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem
from maskrec.inference.evaluating.pair_checks import both_sets_notes, first_names, trained_on_problems
from maskrec.recipe.plan import Plan, Spec
from maskrec.runtime.builder import Builder

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Dataset

_NEEDS_CLASSES = {"num_classes", "class_counts"}


def people_problems(
    plan: Plan, builder: Builder, dataset: Dataset, pair_sets: Sequence[tuple[Spec, PairSet]]
) -> Iterator[Problem]:
    """One person only, one person under two names that look alike, and people who are trained on and measured.

    Also a note on labels without an image, where the loss keeps something for each.
    """
    loss = loss_with_classes(plan, builder)
    if loss:
        yield from _empty_classes(plan, builder.givens["class_counts"])
    if dataset.num_classes < 2 and loss:
        who = f" ({dataset.identities[0]!r})" if dataset.identities else ""
        message = f"the training data has one person only{who}, but {loss} tells people apart"
        hint = "is one folder around everything? a folder of photos is a person"
        yield Problem(message, "data", hint, plan.data.mark)
    alike = [(one, other) for one, other in spellings(dataset.identities or ()) if look_alike(one, other)]
    if alike:
        message = (
            f"{first_names(alike)} of the training data look alike and are two people, written in two Unicode forms"
        )
        yield Problem(message, "data", "give them one spelling, or two names", plan.data.mark)
    for spec, pairs in pair_sets:
        yield from trained_on_problems(spec, pairs, dataset.identities or ())


def _empty_classes(plan: Plan, counts: Sequence[int]) -> Iterator[Problem]:
    empty = np.flatnonzero(np.asarray(counts) == 0)
    if len(empty):
        first = ", ".join(map(str, empty[:5].tolist())) + (", ..." if len(empty) > 5 else "")
        so = "has no image, so its class centre learns nothing"
        if len(empty) > 1:
            so = "have no image, so their class centres learn nothing"
        message = f"{len(empty):,} of {counted(len(counts), 'label')} ({first}) {so}"
        hint = "number the people of the training data from 0 without gaps"
        yield Problem(message, "data", hint, plan.data.mark, note=True)


def people_notes(dataset: Dataset, pair_sets: Sequence[tuple[Spec, PairSet]]) -> Iterator[str]:
    """Names that differ in case only, and people who choose a threshold and are measured by it too."""
    differ = [(one, other) for one, other in spellings(dataset.identities or ()) if not look_alike(one, other)]
    if differ:
        names = first_names(differ)
        yield f"note: {names} of the training data are two people whose names differ in case or spaces only"
    yield from both_sets_notes(pair_sets)


def loss_with_classes(plan: Plan, builder: Builder) -> str:
    """The first loss of the plan that asks for the classes; empty where none does."""
    for spec in plan.specs():
        if spec.path.split(".")[0] == "loss" and _NEEDS_CLASSES & _asked(builder.target(spec)):
            return spec.name
    return ""


def _asked(target: object) -> set[str]:
    try:
        return set(inspect.signature(target).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return set()
