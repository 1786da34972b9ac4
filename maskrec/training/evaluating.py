"""A run's evaluators, and the metric that chooses the best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from maskrec.base.errors import PluginError
from maskrec.contracts.evaluation import Embed, Evaluation
from maskrec.recipe.plan import Best

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly


def evaluate_all(assembly: Assembly, embed: Embed) -> dict[str, Evaluation]:
    """Every evaluator's answer on its evaluation pairs, by label.

    Raises:
        PluginError: an evaluator raised, returned a metric that it did not declare or a number that is not finite, or
            not the metric that ``train.best`` names.
    """
    answers = {}
    for label, answer in assembly.asked.evaluate(embed):
        _require_best_metric(assembly, label, answer)
        answers[label] = answer
    return answers


def apply_to_test_pairs(assembly: Assembly, embed: Embed, chosen: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Every evaluator's answer on its test pairs, given what it found at the chosen epoch; None is left out.

    Raises:
        PluginError: as `evaluate_all`.
    """
    return dict(assembly.asked.test(embed, chosen))


def _require_best_metric(assembly: Assembly, label: str, evaluation: Evaluation) -> None:
    """The metric that chooses the best epoch is there, which an evaluator may declare without returning it."""
    best = assembly.plan.train.best
    of, _, name = best.metric.partition(".") if best is not None else ("", "", "")
    if of == label and name not in evaluation.metrics:
        raise PluginError(
            f"{assembly.plan.evaluate[label].who} declares the metric {name!r} and did not return it, and train.best "
            f"chooses the best epoch by it; returned: {', '.join(evaluation.metrics) or 'nothing'}"
        )


def best_value(best: Best, evaluations: Mapping[str, Evaluation]) -> float:
    """The metric that chooses the best epoch.

    Raises:
        PluginError: the evaluator did not return it this time.
    """
    label, _, name = best.metric.partition(".")
    try:
        return float(evaluations[label].metrics[name])
    except KeyError as error:
        raise PluginError(f"train.best: evaluate.{label} returned no metric {name!r} this time") from error


def is_better(best: Best, value: float, than: float | None) -> bool:
    """Whether ``value`` beats the best so far; equal values keep the earlier epoch."""
    if than is None:
        return True
    return value < than if best.mode == "min" else value > than
