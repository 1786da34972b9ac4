"""The verification metrics of the pairs of one condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.decided_pairs import DecidedPairs
from maskrec.contracts.rate_names import tar_name
from maskrec.evaluators.condition_tables import Row, one_kind_note
from maskrec.evaluators.measuring import Floats, Measured, conditions
from maskrec.metrics import (
    LFW_THRESHOLDS,
    BestThreshold,
    KFoldAccuracy,
    Roc,
    TarAtFar,
    best_threshold,
    confusion,
    k_fold_accuracy,
    roc,
    tar_at_far,
    wilson,
)

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Threshold

ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class ConditionPairs:
    """The pairs of one condition, or ``all``: distances of both classes, and the indices of their pairs in the set."""

    condition: str
    chosen: NDArray[np.bool_]
    same: Floats
    different: Floats

    @property
    def measurable(self) -> bool:
        """Whether there are pairs of both kinds."""
        return bool(len(self.same) and len(self.different))

    def key(self, name: str) -> str:
        """The name of a metric or threshold for these pairs."""
        return name if self.condition == ALL else f"{name}/{self.condition}"

    def row(self) -> Row:
        """The first columns of every table."""
        return {"condition": self.condition, "same_pairs": len(self.same), "different_pairs": len(self.different)}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """All metrics that need no external threshold."""

    part: ConditionPairs
    curve: Roc
    best: BestThreshold
    rates: tuple[TarAtFar, ...]

    def metrics(self) -> dict[str, float]:
        """By name."""
        rates = {self.part.key(tar_name(rate.target)): rate.tar for rate in self.rates}
        return rates | {
            self.part.key("auc"): self.curve.auc(),
            self.part.key("eer"): self.curve.eer(),
            self.part.key("best_accuracy"): self.best.accuracy,
        }

    def row(self) -> Row:
        """Columns for the table of accuracies."""
        return {
            "best_accuracy": self.best.accuracy,
            "best_threshold": self.best.threshold,
            "auc": self.curve.auc(),
            "eer": self.curve.eer(),
        }


def parts_of(measured: Measured) -> list[ConditionPairs]:
    """All pairs first, then each condition that the set has."""
    everything = np.ones(len(measured.pairs), dtype=bool)
    named = [(ALL, everything), *conditions(measured.pairs)]
    return [ConditionPairs(name, chosen, *measured.both(chosen)) for name, chosen in named]


def score(part: ConditionPairs, fars: tuple[float, ...]) -> Scores:
    """ROC, best threshold and TAR at each FAR of a measurable part."""
    curve = roc(part.same, part.different)
    return Scores(part, curve, best_threshold(part.same, part.different), tuple(tar_at_far(curve, far) for far in fars))


def cross_validated(
    measured: Measured, part: ConditionPairs, fold: NDArray[np.int64], normalize: bool
) -> KFoldAccuracy | None:
    """k-fold accuracy on squared L2 distances; None when all the part's pairs are in one fold.

    Raw embeddings have no largest distance, so their candidates are 401 even steps from 0 to the largest one found.
    """
    mine = fold[part.chosen]
    if len(np.unique(mine)) < 2:
        return None
    grid = LFW_THRESHOLDS if normalize else np.linspace(0, measured.distances.max(), len(LFW_THRESHOLDS))
    return k_fold_accuracy(measured.distances[part.chosen], measured.pairs.same[part.chosen], mine, grid)


def decided_by_folds(
    measured: Measured, part: ConditionPairs, fold: NDArray[np.int64], folds: KFoldAccuracy, fars: tuple[float, ...]
) -> DecidedPairs:
    """Each pair decided at its own fold's threshold, as cross-validation counts them."""
    thresholds = folds.thresholds[np.unique(fold[part.chosen], return_inverse=True)[1]]
    return DecidedPairs(
        measured.pairs, "evaluate", part.condition, part.chosen, measured.distances[part.chosen], thresholds, fars
    )


def applied_pairs(
    measured: Measured, part: ConditionPairs, thresholds: Mapping[str, Threshold], fars: tuple[float, ...]
) -> DecidedPairs:
    """Each pair decided at the condition's own threshold ``best``, or at that of all pairs where it has none."""
    value = thresholds.get(part.key("best"), thresholds["best"]).value
    distances = measured.distances[part.chosen]
    at = np.full(len(distances), value)
    return DecidedPairs(measured.pairs, "test", part.condition, part.chosen, distances, at, fars)


def fold_row(part: ConditionPairs, scores: Scores | None, folds: KFoldAccuracy | None) -> Row:
    """A row of the table of cross-validated accuracies; None where something could not be measured."""
    row = part.row()
    if scores is None:
        return row | {"accuracy": None, "note": one_kind_note(len(part.same))}
    if folds is None:
        return row | {"accuracy": None} | scores.row() | {"note": "accuracy not measured: all pairs are in one fold"}
    low, high = wilson(int(folds.right.sum()), int(folds.sizes.sum()))
    return (
        row
        | {
            "accuracy": folds.mean,
            "standard_deviation": folds.standard_deviation,
            "standard_error": folds.standard_error,
            "low": low,
            "high": high,
            "folds": len(folds.right),
        }
        | scores.row()
        | {"note": ""}
    )


def rate_rows(scores: Scores) -> list[Row]:
    """TAR at each FAR with its interval and the number of events behind it."""
    return [
        scores.part.row()
        | {
            "far": rate.target,
            "tar": rate.tar,
            "low": rate.low,
            "high": rate.high,
            "measured_far": rate.far,
            "expected_false_accepts": rate.expected,
            "threshold": rate.threshold if rate.enough else None,
            "note": "" if rate.enough else "fewer than ten expected false accepts: no threshold is stored",
        }
        for rate in scores.rates
    ]


def applied_row(part: ConditionPairs, name: str, threshold: float) -> Row:
    """A stored threshold on other pairs: accuracy, FAR and TAR with their 95 % Wilson intervals."""
    counts = confusion(part.same, part.different, threshold)
    row = part.row() | {"name": name, "threshold": threshold}
    for column, events, trials in (
        ("accuracy", counts.right, counts.total),
        ("far", counts.different_as_same, len(part.different)),
        ("tar", counts.same_as_same, len(part.same)),
    ):
        low, high = wilson(events, trials)
        row |= {column: events / trials, f"{column}_low": low, f"{column}_high": high}
    return row
