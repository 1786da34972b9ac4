"""An evaluator built on small pair sets, and what it measures on embeddings that are known to be good or bad."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from maskrec.contracts.component_calls import Metrics, declared_metrics
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.evaluating.evaluation_values import to_plain
from maskrec.recipe.plan import Spec
from maskrec.runtime.builder import Builder
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError
from maskrec.testing.known_embeddings import PERFECT, RANDOM, USUAL, KnownEmbeddings, RowsOf
from maskrec.testing.usual_options import PEOPLE, pairs_for


@dataclass
class PairChangingBuilder(Builder):
    """Builds as `Builder` does; a pair set is made once, its arrays read-only, and is changed before it is passed on.

    Args:
        change: what evaluators get in place of a pair set.
        kept: pair sets by their place, shared by several builders.
    """

    change: Callable[[PairSet], PairSet] = field(kw_only=True)
    kept: dict[str, PairSet] = field(kw_only=True)

    def build(self, spec: Any, kind: str | None = None) -> Any:
        """The component, or its pair set changed."""
        if spec.path not in self.kept:
            built = super().build(spec, kind)
            if not isinstance(built, PairSet):
                return built
            for column in (built.left, built.right, built.same, built.condition, built.fold):
                if column is not None:
                    column.setflags(write=False)
            self.kept[spec.path] = built
        return self.change(self.kept[spec.path])


@dataclass(frozen=True)
class BuiltEvaluator:
    """An evaluator that was built; ``name`` for messages."""

    evaluator: Any
    name: str

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


def with_pairs(candidate: Candidate) -> Candidate:
    """The candidate with `PAIRS` for every parameter that takes pairs and that its options do not set."""
    unset = [info for info in candidate.parameters() if not info.given and info.name not in candidate.options]
    values = {info.name: pairs_for(info.annotation, PEOPLE * number) for number, info in enumerate(unset, start=1)}
    return candidate.with_options(**{name: value for name, value in values.items() if value is not None})


class EvaluatorAnswers:
    """What an evaluator answers, each time from a new instance; computed once, as figures take a while to draw."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.pair_sets: dict[str, PairSet] = {}

    @cached_property
    def spec(self) -> Spec:
        """The evaluator with `PAIRS` where its options name none."""
        return with_pairs(self.candidate).spec()

    @cached_property
    def declared(self) -> Metrics:
        """The metrics that it declares."""
        return declared_metrics(self.candidate.target(), self.candidate.name, self.spec.parameters)

    def built(self, change: Callable[[PairSet], PairSet] | None = None) -> BuiltEvaluator:
        """A new instance; ``change`` changes each pair set that it gets."""
        plain = self.candidate.builder()
        given = {each.name: getattr(plain, each.name) for each in fields(plain)}
        builder = PairChangingBuilder(**given, change=change or (lambda pairs: pairs), kept=self.pair_sets)
        return BuiltEvaluator(builder.build(self.spec), self.candidate.name)

    @cached_property
    def perfect(self) -> Evaluation:
        """Its evaluation of embeddings that tell everybody apart."""
        return self.built().evaluate(PERFECT)

    @cached_property
    def random(self) -> Evaluation:
        """Its evaluation of embeddings that say nothing about people."""
        return self.built().evaluate(RANDOM)

    @cached_property
    def usual(self) -> Evaluation:
        """Its evaluation of embeddings in between."""
        return self.built().evaluate(USUAL)

    @cached_property
    def tested(self) -> Evaluation | None:
        """Its answer on test pairs, given `usual`."""
        return self.built().test(USUAL, self.usual)

    def far_from_chance(self, condition: str) -> float:
        """How far from 0.5 an accuracy of random embeddings may be.

        Args:
            condition: on whose pairs it is measured; empty for all pairs.
        """
        farthest = 0.0
        for pairs in self.pair_sets.values():
            same = pairs.same[pairs.condition == CONDITIONS.index(condition)] if condition else pairs.same
            fewer = min(int(np.count_nonzero(same)), int(np.count_nonzero(~same)))
            guessing = 0.5 - fewer / max(len(same), 1)  # to call all pairs what most of them are
            farthest = max(farthest, guessing + 3 / math.sqrt(2 * max(fewer, 1)))  # six standard deviations
        return farthest or 1.0

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


def numbers_of(answer: Evaluation) -> dict[str, float]:
    """The metrics that are numbers, which the others must be too."""
    return {name: value for name, value in answer.metrics.items() if isinstance(value, Real)}


def leaves_of(answer: Evaluation) -> Iterator[tuple[str, Any]]:
    """Every value of an answer without its figures, with its place: ``metrics.accuracy``."""
    thresholds = {name: each for name, each in answer.thresholds.items() if isinstance(each, Threshold)}
    return _leaves({**to_plain(replace(answer, thresholds=thresholds)), "details": dict(answer.details)}, "")


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}.{number}")
    else:
        yield place, value
