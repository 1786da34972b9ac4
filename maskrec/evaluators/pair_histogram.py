"""The reference protocol as an evaluator: histogram threshold, IOU, accuracy, and the same threshold on test pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maskrec.base.errors import MaskrecError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.decided_pairs import DecidedPairs
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.problem import Problem
from maskrec.evaluators.condition_tables import class_table, confusion_table, decision_row
from maskrec.evaluators.confusion_plot import confusion_png
from maskrec.evaluators.distribution import distribution_png
from maskrec.evaluators.measuring import Measured, conditions, measure, require_both_kinds, validation_loss
from maskrec.evaluators.pair_details import pair_details
from maskrec.evaluators.scores import parts_of
from maskrec.evaluators.threshold_tables import decision_tables
from maskrec.metrics import Rule, best_threshold, confusion, histogram_threshold, iou

if TYPE_CHECKING:
    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.evaluation import Embed

_BINS = "bins must be at least 2: the threshold is where two histograms cross"

_SOURCES: dict[Rule, str] = {
    "crossing": "where the histograms of same and different distances cross",
    "gap": "the histograms do not cross; the middle of the gap between same and different distances",
    "collapsed": "the histograms do not cross; the best threshold for these same pairs instead",
}


class PairHistogram:
    """The reference protocol.

    The threshold is where the histograms of same and different L2 distances cross on the evaluation pairs
    (``metrics.histogram_threshold``); it is then applied once to the test pairs. The epoch with the lowest ``iou`` is
    the best. A model whose histograms do not cross is ``collapsed``: its IOU is 1 and its accuracy is that of the
    evaluation pairs' own best threshold, and it is marked as such.

    Args:
        evaluation: pairs that choose the threshold, after each epoch.
        test: pairs measured once with it, after the best epoch is chosen; None measures none.
        normalize: whether embeddings are scaled to unit length before they are compared.
        bins: of each histogram, at least 2.

    Raises:
        ValueError: ``bins`` out of range.
        UsageError: a pair set has no same or no different pairs.
    """

    def __init__(self, evaluation: Pairs, test: Pairs | None = None, normalize: bool = True, bins: int = 100) -> None:
        if bins < 2:
            raise ValueError(f"{_BINS}, not {bins}")
        for pairs in (evaluation, test):
            if pairs is not None:
                require_both_kinds(pairs)
        self.evaluation, self.test_pairs = evaluation, test
        self.normalize, self.bins = normalize, bins

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Problems of the parameters."""
        if values.get("bins", 100) < 2:
            yield Problem(f"{_BINS}, not {values['bins']}", "bins", "the reference has 100")

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """``iou``, ``accuracy``, ``best_accuracy`` (optimistic), ``collapsed``, ``loss``; two of them by condition.

        ``iou`` and ``accuracy`` are also given by condition. ``loss`` is a validation loss: the contrastive loss of
        the pairs' unit embeddings (``metrics.contrastive_loss``); an embedding that is all zeros has none.

        A condition that the pairs do not have is not returned.
        """
        by_condition: dict[str, Literal["min", "max"]] = {f"accuracy/{name}": "max" for name in CONDITIONS}
        by_condition |= {f"iou/{name}": "min" for name in CONDITIONS}
        overall: dict[str, Literal["min", "max"]] = {"iou": "min", "accuracy": "max", "best_accuracy": "max"}
        return {**overall, "collapsed": "min", "loss": "min", **by_condition}

    def evaluate(self, embed: Embed) -> Evaluation:
        """Threshold, IOU and accuracy on the evaluation pairs."""
        measured = self._measure(embed, self.evaluation)
        found = histogram_threshold(*measured.both(), self.bins)
        threshold = Threshold(
            value=found.threshold,
            distance="l2",
            normalize=self.normalize,
            source=f"{measured.pairs.label}: {_SOURCES[found.rule]}",
            collapsed=found.collapsed,
        )
        return self._answer(embed, measured, threshold)

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation | None:
        """The evaluation's threshold applied to the test pairs; None without test pairs.

        Raises:
            MaskrecError: the evaluation has no threshold, or one for other distances.
        """
        if self.test_pairs is None:
            return None
        threshold = evaluation.thresholds.get("histogram")
        if threshold is None or (threshold.distance, threshold.normalize) != ("l2", self.normalize):
            raise MaskrecError(
                f"pair set {self.test_pairs.label!r}: the evaluation has no 'histogram' threshold for L2 distances "
                f"with normalize: {str(self.normalize).lower()}; evaluate with the same settings first"
            )
        return self._answer(embed, self._measure(embed, self.test_pairs), threshold)

    def decided_pairs(self, embed: Embed, evaluation: Evaluation) -> list[DecidedPairs]:
        """What comparisons of models count: each test pair, or evaluation pair without any, at the threshold."""
        measured = self._measure(embed, self.test_pairs or self.evaluation)
        return [
            DecidedPairs(
                measured.pairs,
                "evaluate" if self.test_pairs is None else "test",
                part.condition,
                part.chosen,
                measured.distances[part.chosen],
                np.full(np.count_nonzero(part.chosen), evaluation.thresholds["histogram"].value),
            )
            for part in parts_of(measured)
            if part.measurable
        ]

    def _measure(self, embed: Embed, pairs: Pairs) -> Measured:
        return measure(embed, pairs, "l2", self.normalize)

    def _answer(self, embed: Embed, measured: Measured, threshold: Threshold) -> Evaluation:
        both = measured.both()
        counts = confusion(*both, threshold.value)
        overlap = 1.0 if threshold.collapsed else iou(*both, threshold.value)
        rows = [decision_row("all", *both, threshold)]
        rows += [decision_row(name, *measured.both(chosen), threshold) for name, chosen in conditions(measured.pairs)]
        metrics = {
            "iou": overlap,
            "accuracy": counts.accuracy,
            "best_accuracy": best_threshold(*both).accuracy,
            "collapsed": float(threshold.collapsed),
            **validation_loss(embed, measured, self.normalize),
        }
        complete = {row["condition"]: row["accuracy"] for row in rows[1:] if row["accuracy"] is not None}
        metrics |= {f"accuracy/{name}": accuracy for name, accuracy in complete.items()}
        for name, chosen in conditions(measured.pairs):
            if name in complete:
                overlap_there = 1.0 if threshold.collapsed else iou(*measured.both(chosen), threshold.value)
                metrics[f"iou/{name}"] = overlap_there
        thresholds = {"histogram": threshold}
        tables = {"accuracy": rows, "confusion": confusion_table(counts), "classes": class_table(counts)}
        return Evaluation(
            metrics,
            thresholds,
            {**tables, **decision_tables(measured, thresholds, "histogram")},
            {
                "distribution": distribution_png(measured, threshold, self.bins, overlap),
                "confusion": confusion_png(counts, measured.pairs.label, threshold.value),
            },
            pair_details(measured, thresholds, "histogram"),
        )
