"""Runs a recipe's evaluators and holds their answers to what they declared."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import PluginError
from maskrec.base.files import write_bytes
from maskrec.base.words import type_shown
from maskrec.contracts.call_into import call_into
from maskrec.contracts.evaluation import Embed, Evaluation, Threshold
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
    for label, evaluator in assembly.evaluators.items():
        with _asking(assembly, label, "evaluate"):
            answers[label] = evaluator.evaluate(embed)
        _hold_to_declared(assembly, label, answers[label])
        _hold_to_best(assembly, label, answers[label])
    return answers


def apply_to_test_pairs(assembly: Assembly, embed: Embed, chosen: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Every evaluator's answer on its test pairs, given what it found at the chosen epoch; None is left out.

    Raises:
        PluginError: as `evaluate_all`.
    """
    answers = {}
    for label, evaluator in assembly.evaluators.items():
        with _asking(assembly, label, "test"):
            answer = evaluator.test(embed, chosen[label]) if label in chosen else None
        if answer is not None:
            _hold_to_declared(assembly, label, answer)
            answers[label] = answer
    return answers


@contextmanager
def _asking(assembly: Assembly, label: str, method: str) -> Iterator[None]:
    """The block calls a method of an evaluator, which must leave the networks in the mode that they are in."""
    who, evaluator = assembly.plan.evaluate[label].who, assembly.evaluators[label]
    networks = {"the backbone": assembly.backbone, "the loss": assembly.loss}
    modes = {name: network.training for name, network in networks.items()}
    with call_into(who, f"failed in {method}", evaluator):
        try:
            yield
        except ValueError as error:
            if "read-only" in str(error):
                error.args = (f"{error}; the rows of embed are kept for its next call: change a copy of them",)
            raise
    for name, network in networks.items():
        if network.training != modes[name]:
            network.train(modes[name])
            was, now = ("training", "eval") if modes[name] else ("eval", "training")
            raise PluginError(
                f"{who} put {name} from {was} into {now} mode in {method} and left it so; embed sets eval mode itself"
            )


def _hold_to_declared(assembly: Assembly, label: str, evaluation: Evaluation) -> None:
    """Every metric is declared, and every number is one that JSON knows."""
    declared, who = assembly.declared[label], assembly.plan.evaluate[label].who
    if not isinstance(evaluation, Evaluation):
        raise PluginError(f"{who} returned {type_shown(evaluation)}, which must be an Evaluation")
    for name, value in evaluation.metrics.items():
        if name not in declared:
            raise PluginError(f"{who} returned the metric {name!r}, which it does not declare")
        _hold_finite(value, f"{who} returned {value!r} for {name!r}; a metric must be a finite number")
    for name, threshold in evaluation.thresholds.items():
        if not isinstance(threshold, Threshold):
            raise PluginError(f"{who} returned {type_shown(threshold)} for {name!r}, which must be a Threshold")
        value = threshold.value
        _hold_finite(value, f"{who} returned {value!r} for the threshold {name!r}; it must be a finite number")
    for name, rows in evaluation.tables.items():
        try:
            json.dumps([dict(row) for row in rows], allow_nan=False)
        except (TypeError, ValueError) as error:
            said = f"{who} returned the table {name!r} with a value that JSON cannot hold ({error})"
            raise PluginError(f"{said}; its cells must be finite numbers, strings, true, false or None") from error
    for name, png in evaluation.figures.items():
        if not isinstance(png, (bytes, bytearray, memoryview)) or not re.fullmatch(r"[\w.-]+", name):
            shown = f"{type_shown(png)} for the figure {name!r}"
            raise PluginError(
                f"{who} returned {shown}; figures are PNG bytes under names of letters, digits, _ . and -"
            )


def _hold_to_best(assembly: Assembly, label: str, evaluation: Evaluation) -> None:
    """The metric that chooses the best epoch is there, which an evaluator may declare without returning it."""
    best = assembly.plan.train.best
    of, _, name = best.metric.partition(".") if best is not None else ("", "", "")
    if of == label and name not in evaluation.metrics:
        raise PluginError(
            f"{assembly.plan.evaluate[label].who} declares the metric {name!r} and did not return it, and train.best "
            f"chooses the best epoch by it; returned: {', '.join(evaluation.metrics) or 'nothing'}"
        )


def _hold_finite(value: Any, otherwise: str) -> None:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise PluginError(otherwise)


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


def to_plain(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation without its figures, as JSON knows it."""
    return {
        "metrics": dict(evaluation.metrics),
        "thresholds": {name: asdict(threshold) for name, threshold in evaluation.thresholds.items()},
        "tables": {name: [dict(row) for row in rows] for name, rows in evaluation.tables.items()},
    }


def from_plain(plain: Mapping[str, Any]) -> Evaluation:
    """What `to_plain` made, as an evaluation again."""
    thresholds = {name: Threshold(**fields) for name, fields in plain["thresholds"].items()}
    return Evaluation(plain["metrics"], thresholds, plain["tables"])


def write_figures(folder: Path, label: str, occasion: str, evaluation: Evaluation) -> None:
    """Write the evaluation's PNGs as ``folder/LABEL/OCCASION-NAME.png``."""
    for name, png in evaluation.figures.items():
        path = folder / label / f"{occasion}-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, bytes(png))
