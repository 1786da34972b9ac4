"""Evaluators, each with one fault; the first class has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from maskrec import Component, Evaluation, hookimpl
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.kinds import Pairs

FAILS = {
    "upside_down": {"perfect_embeddings_are_best"},
    "always_right": {"random_embeddings_are_chance"},
    "second_half": {"pair_order_irrelevant"},
    "undeclared": {"declared_metrics_only"},
    "not_a_number": {"finite_numbers"},
    "text_metric": {"finite_numbers"},
    "nested_metric": {"finite_numbers"},
    "text_threshold": {"finite_numbers"},
    "numpy_count": {"plain_values"},
    "text_figure": {"plain_values"},
    "own_threshold": {"thresholds_from_evaluation"},
    "silent_threshold": {"thresholds_from_evaluation"},
}
_PAIRS = {"use": "synthetic_pairs", "identities": 40, "images_per_identity": 4, "pairs": 120}
OPTIONS = {name: {"pairs": _PAIRS} for name in FAILS}


@hookimpl
def maskrec_evaluators() -> list[Component]:
    return [
        Component("upside_down", ":UpsideDown", "counts the mistakes as its accuracy"),
        Component("always_right", ":AlwaysRight", "looks at no embedding"),
        Component("second_half", ":SecondHalf", "measures the second half of the pairs only"),
        Component("undeclared", ":Undeclared", "returns one metric more"),
        Component("not_a_number", ":NotANumber", "returns NaN"),
        Component("text_metric", ":TextMetric", "returns a metric as text"),
        Component("nested_metric", ":NestedMetric", "returns a map as a metric"),
        Component("text_threshold", ":TextThreshold", "returns a threshold as text"),
        Component("numpy_count", ":NumpyCount", "has a numpy integer in a table"),
        Component("text_figure", ":TextFigure", "returns a figure as text"),
        Component("own_threshold", ":OwnThreshold", "returns a threshold of the test pairs"),
        Component("silent_threshold", ":SilentThreshold", "decides by a threshold of the test pairs"),
    ]


class Plain:
    """Accuracy at the best threshold."""

    def __init__(self, pairs: Pairs, test: Pairs | None = None) -> None:
        """Keep the pairs.

        Args:
            pairs: choose the threshold.
            test: decided by it.
        """
        self.pairs, self.test_pairs = pairs, test

    @staticmethod
    def metrics(values):
        return {"accuracy": "max"}

    def evaluate(self, embed) -> Evaluation:
        distances = distances_of(embed, self.pairs)
        value = best_threshold(distances, self.pairs.same)
        return Evaluation(
            {"accuracy": accuracy(distances, self.pairs.same, value)}, {"best": Threshold(value, "l2", True, "best")}
        )

    def test(self, embed, evaluation: Evaluation) -> Evaluation:
        distances = distances_of(embed, self.test_pairs)
        threshold = evaluation.thresholds["best"]
        return Evaluation({"accuracy": accuracy(distances, self.test_pairs.same, threshold.value)}, {"best": threshold})


def distances_of(embed, pairs):
    rows = embed(pairs)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.linalg.norm(rows[pairs.left] - rows[pairs.right], axis=1)


def best_threshold(distances, same) -> float:
    candidates = np.linspace(0.0, 2.0, 201)
    return float(candidates[int(np.argmax([accuracy(distances, same, each) for each in candidates]))])


def accuracy(distances, same, threshold: float) -> float:
    return float(np.mean((distances <= threshold) == same))


class UpsideDown(Plain):
    """Counts the mistakes as its accuracy."""

    def evaluate(self, embed) -> Evaluation:
        found = super().evaluate(embed)
        return replace(found, metrics={"accuracy": 1 - found.metrics["accuracy"]})


class AlwaysRight(Plain):
    """Looks at no embedding."""

    def evaluate(self, embed) -> Evaluation:
        return replace(super().evaluate(embed), metrics={"accuracy": 1.0})


class SecondHalf(Plain):
    """Measures the second half of the pairs only."""

    def evaluate(self, embed) -> Evaluation:
        found, half = super().evaluate(embed), len(self.pairs) // 2
        distances = distances_of(embed, self.pairs)[half:]
        value = accuracy(distances, self.pairs.same[half:], found.thresholds["best"].value)
        return replace(found, metrics={"accuracy": value})


class Undeclared(Plain):
    """Returns one metric more."""

    def evaluate(self, embed) -> Evaluation:
        found = super().evaluate(embed)
        return replace(found, metrics={**found.metrics, "pairs": float(len(self.pairs))})


class NotANumber(Plain):
    """Returns NaN."""

    def evaluate(self, embed) -> Evaluation:
        return replace(super().evaluate(embed), tables={"spread": [{"deviation": float("nan")}]})


class TextMetric(Plain):
    """Returns its accuracy as text."""

    def evaluate(self, embed) -> Evaluation:
        found = super().evaluate(embed)
        return replace(found, metrics={name: f"{value:.3f}" for name, value in found.metrics.items()})


class NestedMetric(Plain):
    """Returns a map in place of a number."""

    def evaluate(self, embed) -> Evaluation:
        found = super().evaluate(embed)
        return replace(found, metrics={name: {"all": value} for name, value in found.metrics.items()})


class TextThreshold(Plain):
    """Returns its threshold as text, and reads it in the test."""

    def evaluate(self, embed) -> Evaluation:
        found = super().evaluate(embed)
        best = found.thresholds["best"]
        return replace(found, thresholds={"best": replace(best, value=str(best.value))})

    def test(self, embed, evaluation: Evaluation) -> Evaluation:
        distances = distances_of(embed, self.test_pairs)
        threshold = evaluation.thresholds["best"]
        value = accuracy(distances, self.test_pairs.same, float(threshold.value))
        return Evaluation({"accuracy": value}, {"best": threshold})


class NumpyCount(Plain):
    """Has a numpy integer in a table."""

    def evaluate(self, embed) -> Evaluation:
        return replace(
            super().evaluate(embed), tables={"pairs": [{"same": np.count_nonzero(self.pairs.same) + np.int64(0)}]}
        )


class TextFigure(Plain):
    """Returns a figure as text."""

    def evaluate(self, embed) -> Evaluation:
        return replace(super().evaluate(embed), figures={"curve": "<svg/>"})


class OwnThreshold(Plain):
    """Returns a threshold of the test pairs."""

    def test(self, embed, evaluation: Evaluation) -> Evaluation:
        found = super().test(embed, evaluation)
        value = best_threshold(distances_of(embed, self.test_pairs), self.test_pairs.same)
        return replace(found, thresholds={"best": Threshold(value, "l2", True, "the test pairs")})


class SilentThreshold(Plain):
    """Decides by a threshold of the test pairs and returns none."""

    def test(self, embed, evaluation: Evaluation) -> Evaluation:
        distances = distances_of(embed, self.test_pairs)
        value = best_threshold(distances, self.test_pairs.same)
        return Evaluation({"accuracy": accuracy(distances, self.test_pairs.same, value)})
