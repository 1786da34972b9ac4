"""What only pair sets that were built can show: missing landmarks, people who were trained on, people in two sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from maskrec.base.words import counted, counted_are, look_alike, names_in_both
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem
from maskrec.recipe.plan import Spec


def landmark_problems(spec: Spec, pairs: PairSet) -> list[Problem]:
    """Masks that are to be put on photos without landmarks."""
    if not any(kind is not None for kind in pairs.mask_types) or pairs.has_landmarks:
        return []
    message = "masks are to be put on these pairs, but their photos have no landmarks"
    return [Problem(message, spec.path, "name a landmarks file, or leave the masks off", spec.mark)]


def trained_on_problems(spec: Spec, pairs: PairSet, trained_on: Iterable[str]) -> Iterator[Problem]:
    """People of a pair set who are also in the training data, by name."""
    if shared := names_in_both(pairs.identities or (), trained_on):
        verb = "is" if len(shared) == 1 else "are"
        people = counted(len(shared), "person")
        message = f"{people} of these pairs {verb} also in the training data ({first_names(shared)})"
        hint = "people used in training must not be measured: remove them from one of the two"
        yield Problem(message, spec.path, hint, spec.mark)


def both_sets_notes(pair_sets: Sequence[tuple[Spec, PairSet]]) -> Iterator[str]:
    """People who choose an evaluator's threshold and are measured by it too."""
    for (one, chosen), (other, measured) in combinations(pair_sets, 2):
        shared = names_in_both(chosen.identities or (), measured.identities or ())
        if shared and one.path.rpartition(".")[0] == other.path.rpartition(".")[0]:
            yield f"note: {counted_are(len(shared), 'person')} in both {one.path} and {other.path}"


def first_names(pairs: Iterable[tuple[str, str]]) -> str:
    """The first three, both spellings where they differ; those that look alike by their letters' numbers."""
    found = [_both(one, other) for one, other in pairs]
    return ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")


def _both(one: str, other: str) -> str:
    if one == other:
        return one
    return f"{one!a} and {other!a}" if look_alike(one, other) else f"{one!r} and {other!r}"
