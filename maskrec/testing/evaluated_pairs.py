"""An evaluator built on small pair sets, and what it measures on embeddings that are known to be good or bad."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, get_args

import numpy as np

from maskrec.contracts.component_calls import Metrics, declared_metrics
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.kinds import Kind
from maskrec.contracts.pair_set import PairSet
from maskrec.plugin.signature import EMPTY
from maskrec.recipe.annotations import component_marker, holds_component, is_union, item_annotation, members
from maskrec.runtime.builder import Builder
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError
from maskrec.testing.known_embeddings import PERFECT, RANDOM, USUAL, KnownEmbeddings, RowsOf

PAIRS = {
    "use": "maskrec/synthetic_pairs",
    "identities": 60,
    "images_per_identity": 4,
    "pairs": 200,  # for each of three conditions, in ten folds without common people
}
"""What a parameter that takes pairs gets where the options name none. Their images are never drawn."""
_PEOPLE = 10_000  # numbers of people between two sets


@dataclass
class PairChangingBuilder(Builder):
    """Builds as `Builder` does, and changes each pair set before it is passed on."""

    change: Callable[[PairSet], PairSet] = field(kw_only=True)

    def build(self, spec: Any, kind: str | None = None) -> Any:
        """The component, or its pair set changed."""
        built = super().build(spec, kind)
        return self.change(built) if isinstance(built, PairSet) else built


@dataclass(frozen=True)
class BuiltEvaluator:
    """An evaluator that was built.

    Args:
        evaluator: it.
        declared: its metrics.
        name: for messages.
        pair_sets: all that it was built with.
    """

    evaluator: Any
    declared: Metrics
    name: str
    pair_sets: tuple[PairSet, ...]

    def evaluate(self, rows_of: RowsOf) -> Evaluation:
        """Its answer on evaluation pairs with these embeddings."""
        return self._answer(self.evaluator.evaluate(KnownEmbeddings(rows_of)), "evaluate")

    def test(self, rows_of: RowsOf, evaluation: Evaluation) -> Evaluation | None:
        """Its answer on test pairs with these embeddings, given its own answer on evaluation pairs."""
        answer = self.evaluator.test(KnownEmbeddings(rows_of), evaluation)
        return None if answer is None else self._answer(answer, "test")

    def _answer(self, answer: Any, method: str) -> Evaluation:
        if not isinstance(answer, Evaluation):
            raise ContractError(f"{self.name} returned {type(answer).__name__} from {method}, not an Evaluation")
        return answer


def build_evaluator(candidate: Candidate, change: Callable[[PairSet], PairSet] | None = None) -> BuiltEvaluator:
    """The evaluator on the pairs of its options, or on `PAIRS` where they name none; ``change`` changes each set."""
    spec = with_pairs(candidate).spec()
    made = candidate.builder()
    given = {each.name: getattr(made, each.name) for each in fields(made)}
    builder = PairChangingBuilder(**given, change=change or (lambda pairs: pairs))
    evaluator = builder.build(spec)
    declared = declared_metrics(candidate.target(), candidate.name, spec.parameters)
    return BuiltEvaluator(evaluator, declared, candidate.name, tuple(pairs for _, pairs in builder.pair_sets))


def with_pairs(candidate: Candidate) -> Candidate:
    """The candidate with `PAIRS` for every parameter that takes pairs and that its options do not set."""
    unset = [info for info in candidate.parameters() if not info.given and info.name not in candidate.options]
    values = {info.name: _pairs_for(info.annotation, _PEOPLE * number) for number, info in enumerate(unset, start=1)}
    return candidate.with_options(**{name: value for name, value in values.items() if value is not None})


def _pairs_for(annotation: Any, first: int) -> Any:
    """A recipe's value for this annotation that holds pairs; None where it takes none."""
    found = component_marker(annotation)
    if found is not None:
        return {**PAIRS, "first_identity": first} if found == Kind("pairs") else None
    if is_union(annotation):
        return next((value for each in members(annotation) if (value := _pairs_for(each, first)) is not None), None)
    if not holds_component(annotation) or not get_args(annotation):
        return None
    for key in ("pairs", 0):
        item = item_annotation(annotation, key)
        if item is not EMPTY and (inner := _pairs_for(item, first)) is not None:
            return {key: inner} if key == "pairs" else [inner]
    return None


class EvaluatorAnswers:
    """What an evaluator answers, each time from a new instance; computed once, as figures take a while to draw."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate

    @cached_property
    def declared(self) -> Metrics:
        """The metrics that it declares."""
        return build_evaluator(self.candidate).declared

    @cached_property
    def perfect(self) -> Evaluation:
        """Its evaluation of embeddings that tell everybody apart."""
        return build_evaluator(self.candidate).evaluate(PERFECT)

    @cached_property
    def random(self) -> Evaluation:
        """Its evaluation of embeddings that say nothing about people."""
        return build_evaluator(self.candidate).evaluate(RANDOM)

    @cached_property
    def usual(self) -> Evaluation:
        """Its evaluation of embeddings in between."""
        return build_evaluator(self.candidate).evaluate(USUAL)

    @cached_property
    def tested(self) -> Evaluation | None:
        """Its answer on test pairs, given `usual`."""
        return build_evaluator(self.candidate).test(USUAL, self.usual)

    @property
    def far_from_chance(self) -> float:
        """How far from 0.5 an accuracy of random embeddings may be, on the fewest pairs of a condition."""
        fewest = math.inf
        for pairs in build_evaluator(self.candidate).pair_sets:
            for condition in np.unique(pairs.condition):
                same = pairs.same[pairs.condition == condition]
                fewest = min(fewest, 2 * np.count_nonzero(same), 2 * np.count_nonzero(~same))
        return 3 / math.sqrt(max(fewest, 1))

    def by_method(self) -> Iterator[tuple[str, Evaluation]]:
        """Its answers on usual embeddings, by method."""
        yield "evaluate", self.usual
        if self.tested is not None:
            yield "test", self.tested


_LAST: list[EvaluatorAnswers] = []


def answers_of(candidate: Candidate) -> EvaluatorAnswers:
    """The answers of this candidate; those of one candidate are kept."""
    if not (_LAST and _LAST[0].candidate is candidate):
        _LAST[:] = [EvaluatorAnswers(candidate)]
    return _LAST[0]


def numbers_in(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of plain values with its place: ``metrics.accuracy``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers_in(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from numbers_in(inner, f"{place}.{number}")
    else:
        yield place, value
