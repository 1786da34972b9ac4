"""What an evaluator must do, on embeddings of which the answer is known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from maskrec.base.words import type_shown
from maskrec.contracts.component_calls import Metrics
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.inference.evaluating.evaluation_values import to_plain
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check
from maskrec.testing.evaluated_pairs import answers_of, leaves_of, numbers_of
from maskrec.testing.known_embeddings import USUAL, in_another_order

_BEST = {"accuracy": 1.0, "best_accuracy": 1.0, "auc": 1.0, "eer": 0.0}
"""What metrics of these names are where nobody is mistaken for another; so is each ``tar@far=...`` 1."""
_CHANCE = {"accuracy": 0.5, "auc": 0.5, "eer": 0.5}
"""What metrics of these names are near where embeddings say nothing, on as many same pairs as different ones."""
_PNG = b"\x89PNG\r\n\x1a\n"


@contract_check("evaluator", since="0.1")
def perfect_embeddings_are_best(candidate: Candidate) -> None:
    """Embeddings that tell everybody apart give the best values: 1.0 for an accuracy, never worse than random ones."""
    answers = answers_of(candidate)
    declared, perfect, random = answers.declared, numbers_of(answers.perfect), numbers_of(answers.random)
    for name, value in perfect.items():
        best = _known(_BEST, name)
        if best is not None and not math.isclose(value, best, abs_tol=1e-9):
            raise ContractError(
                f"{candidate.name} gives {name} = {value:.6g} for perfect embeddings, expected {best:g}"
            )
    worse = [name for name in perfect if name in random and _better(random[name], perfect[name], declared, name)]
    if worse:
        name = worse[0]
        raise ContractError(
            f"{candidate.name} gives {name} = {perfect[name]:.6g} for perfect embeddings and {random[name]:.6g} for "
            f"random ones, and declares that its {declared[name]}imum is best"
        )


@contract_check("evaluator", since="0.1")
def random_embeddings_are_chance(candidate: Candidate) -> None:
    """Embeddings that say nothing about people give an accuracy, AUC and EER near 0.5, and are never the best."""
    answers = answers_of(candidate)
    perfect, random = numbers_of(answers.perfect), numbers_of(answers.random)
    for name, value in random.items():
        chance = _known(_CHANCE, name)
        if chance is not None and not abs(value - chance) <= answers.far_from_chance(name.partition("/")[2]):
            raise ContractError(
                f"{candidate.name} gives {name} = {value:.4g} for random embeddings, expected about {chance:g}"
            )
    if perfect and all(random[name] == value for name, value in perfect.items() if name in random):
        raise ContractError(f"{candidate.name} gives random embeddings the metrics of perfect ones; does it use them?")


@contract_check("evaluator", since="0.1")
def pair_order_irrelevant(candidate: Candidate) -> None:
    """The order of the pairs, and which of a pair's images comes first, changes no metric."""
    answers = answers_of(candidate)
    one, other = answers.usual, answers.built(in_another_order).evaluate(USUAL)
    if one.metrics.keys() != other.metrics.keys():
        name = sorted(one.metrics.keys() ^ other.metrics.keys())[0]
        raise ContractError(f"{candidate.name} returns {name!r} for one order of the same pairs only")
    again = numbers_of(other)
    for name, value in numbers_of(one).items():
        if name in again and not math.isclose(value, again[name], rel_tol=1e-6, abs_tol=1e-9):
            raise ContractError(
                f"{candidate.name} gives {name} = {value:.6g}, and {again[name]:.6g} for the same pairs in another "
                "order"
            )


@contract_check("evaluator", since="0.1")
def declared_metrics_only(candidate: Candidate) -> None:
    """``evaluate`` and ``test`` return metrics that its static ``metrics`` declares, and at least one."""
    answers = answers_of(candidate)
    for method, answer in answers.by_method():
        other = [name for name in answer.metrics if name not in answers.declared]
        if other:
            raise ContractError(
                f"{candidate.name} returned the metric {other[0]!r} from {method}, which it does not declare"
            )
        if not answer.metrics:
            raise ContractError(f"{candidate.name} returned no metric from {method}")


@contract_check("evaluator", since="0.1")
def finite_numbers(candidate: Candidate) -> None:
    """Metrics and thresholds are numbers, and every number is finite, on perfect embeddings as on usual ones."""
    answers = answers_of(candidate)
    for method, answer in (("evaluate", answers.perfect), *answers.by_method()):
        for place, value in _measures(answer):
            if not isinstance(value, Real):
                raise ContractError(
                    f"{candidate.name} returned {type_shown(value)} for {place} from {method}; it must be a number"
                )
        for place, value in leaves_of(answer):
            if isinstance(value, (float, np.floating)) and not math.isfinite(value):
                raise ContractError(
                    f"{candidate.name} returned {value} for {place} from {method}; report nothing there"
                )


@contract_check("evaluator", since="0.1")
def plain_values(candidate: Candidate) -> None:
    """Metrics, thresholds and tables are values that JSON keeps, figures are PNG bytes."""
    for method, answer in answers_of(candidate).by_method():
        for name, threshold in answer.thresholds.items():
            if not isinstance(threshold, Threshold):
                raise ContractError(f"{candidate.name} returned {type_shown(threshold)} as the threshold {name!r}")
        for place, value in leaves_of(answer):
            if not _kept_by_json(value):
                raise ContractError(
                    f"{candidate.name} returned {type_shown(value)} for {place} from {method}; JSON knows numbers, "
                    "strings, true, false and null"
                )
        for name, png in answer.figures.items():
            if not isinstance(png, bytes) or not png.startswith(_PNG):
                raise ContractError(
                    f"{candidate.name} returned {type_shown(png)} for the figure {name!r}, not PNG bytes"
                )


@contract_check("evaluator", since="0.1")
def thresholds_from_evaluation(candidate: Candidate) -> None:
    """``test`` decides by the thresholds of the evaluation that it is given, and chooses none on the test pairs."""
    answers = answers_of(candidate)
    evaluation, answer = answers.usual, answers.tested
    if answer is None or not evaluation.thresholds:
        raise Skipped("it measures no test pairs" if answer is None else "its evaluation has no thresholds")
    for name, threshold in answer.thresholds.items():
        if threshold != evaluation.thresholds.get(name):
            raise ContractError(
                f"{candidate.name} returned a threshold {name!r} from test that is not the evaluation's; a threshold "
                "that was chosen on test pairs flatters the model"
            )
    if not all(isinstance(each.value, Real) for each in evaluation.thresholds.values()):
        raise Skipped("its thresholds are not numbers; see the check `finite_numbers`")
    lower = {name: replace(each, value=each.value / 2) for name, each in evaluation.thresholds.items()}
    again = answers.built().test(USUAL, replace(evaluation, thresholds=lower))
    if _measured(again) == _measured(answer):
        raise ContractError(
            f"{candidate.name} returned the same from test with other thresholds; decide by those of the evaluation"
        )


def _known(values: dict[str, float], name: str) -> float | None:
    """The value that belongs to a metric's name, of all pairs or of a condition; None for other metrics."""
    plain, _, condition = name.partition("/")
    if condition and condition not in CONDITIONS:
        return None
    return values.get("auc" if plain.startswith("tar@far=") and values is _BEST else plain)


def _measures(answer: Evaluation) -> Iterator[tuple[str, Any]]:
    """The metrics, and where thresholds are, with their places."""
    yield from ((f"metrics.{name}", value) for name, value in answer.metrics.items())
    for name, threshold in answer.thresholds.items():
        if isinstance(threshold, Threshold):
            yield f"thresholds.{name}.value", threshold.value


def _better(one: float, other: float, declared: Metrics, name: str) -> bool:
    return one < other if declared.get(name) == "min" else one > other


def _measured(answer: Evaluation | None) -> dict[str, Any]:
    """What it has measured, without the thresholds themselves."""
    if answer is None:
        return {}
    plain = to_plain(answer)
    tables = json.loads(json.dumps(plain["tables"], default=str))
    return {"metrics": dict(answer.metrics), "tables": _without_thresholds(tables)}


def _without_thresholds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_thresholds(inner) for key, inner in value.items() if "threshold" not in key}
    return [_without_thresholds(inner) for inner in value] if isinstance(value, list) else value


def _kept_by_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value or (isinstance(value, float) and math.isnan(value)))
    except (TypeError, ValueError):
        return False
