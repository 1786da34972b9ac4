"""LFW's protocol and related metrics: k-fold accuracy, TAR at FAR, EER and AUC, all per condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.rate_names import far_name, tar_name
from maskrec.evaluators.condition_tables import Row, class_table, confusion_table
from maskrec.evaluators.confusion_plot import confusion_png
from maskrec.evaluators.measuring import Measured, measure, require_both_kinds
from maskrec.evaluators.pair_details import pair_details
from maskrec.evaluators.rate_parameters import rate_problems
from maskrec.evaluators.roc_plot import roc_png
from maskrec.evaluators.scores import (
    Scores,
    applied_pairs,
    applied_row,
    cross_validated,
    decided_by_folds,
    fold_row,
    parts_of,
    rate_rows,
    score,
)
from maskrec.evaluators.threshold_tables import decision_tables
from maskrec.metrics import confusion, contiguous_folds

if TYPE_CHECKING:
    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.decided_pairs import DecidedPairs
    from maskrec.contracts.evaluation import Embed

_FARS = (0.1, 0.01, 0.001)


class Verification:
    """Face verification on pairs, by squared L2 distance.

    ``evaluate``: accuracy by cross-validation (LFW's protocol: 10 folds, thresholds 0 to 4 by 0.01, no shuffle), TAR
    at each FAR with a 95 % interval, EER and AUC. ``test``: accuracy of other pairs at the thresholds that were best on
    ``pairs``. Every figure is given for all pairs and per condition: bare, one_masked, both_masked.

    Args:
        pairs: evaluated after each epoch; they choose the thresholds.
        test: pairs of other people, measured once with these thresholds; None measures none.
        fars: false accept rates, each inside (0, 1). With fewer than ten expected false accepts no threshold is stored.
        folds: number of contiguous folds for pairs without their own folds (or in a single one); None: their own, or
            10.
        normalize: whether embeddings are scaled to unit length before they are compared.
        flip: whether an image's embedding is the mean of its own and its mirror image's, taken before normalisation.

    Raises:
        ValueError: ``fars`` or ``folds`` out of range.
        UsageError: a pair set has no same or no different pairs, or too few for the folds.
    """

    def __init__(
        self,
        pairs: Pairs,
        test: Pairs | None = None,
        fars: tuple[float, ...] = _FARS,
        folds: int | None = None,
        normalize: bool = True,
        flip: bool = False,
    ) -> None:
        refuse(_problems({"fars": fars, "folds": folds}))
        require_both_kinds(pairs)
        if test is not None:
            require_both_kinds(test)
        self.pairs, self.test_pairs = pairs, test
        self.fars = tuple(fars)
        self.normalize, self.flip = normalize, flip
        self.fold = _folds(pairs, folds)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Problems of the parameters."""
        return _problems(values)

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """``accuracy``, ``best_accuracy`` (optimistic), ``auc``, ``eer`` and ``tar@far=F``, each also ``/CONDITION``.

        A condition that the pairs do not have is not returned.
        """
        names: dict[str, Literal["min", "max"]] = {
            "accuracy": "max",
            "best_accuracy": "max",
            "auc": "max",
            "eer": "min",
            **{tar_name(far): "max" for far in values.get("fars", _FARS)},
        }
        return {f"{name}{end}": mode for end in ("", *(f"/{c}" for c in CONDITIONS)) for name, mode in names.items()}

    def evaluate(self, embed: Embed) -> Evaluation:
        """Cross-validated accuracy and everything else on ``pairs``."""
        measured = self._measure(embed, self.pairs)
        metrics: dict[str, float] = {}
        rows, rates, scored = [], [], []
        for part in parts_of(measured):
            scores = score(part, self.fars) if part.measurable else None
            folds = cross_validated(measured, part, self.fold, self.normalize) if scores else None
            rows.append(fold_row(part, scores, folds))
            if folds is not None:
                metrics[part.key("accuracy")] = folds.mean
            if scores is not None:
                metrics |= scores.metrics()
                rates += rate_rows(scores)
                scored.append(scores)
        thresholds = {name: value for scores in scored for name, value in self._thresholds(scores).items()}
        tables = {"accuracy": rows, "tar_at_far": rates, **_decisions(measured, thresholds["best"].value)}
        return self._answer(measured, metrics, thresholds, tables, scored)

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation | None:
        """The evaluation's thresholds applied to the test pairs; None without test pairs.

        A condition is decided by its own best threshold, or by that of all pairs where the evaluation had none. The
        confusion matrix and the scores of both classes are those of all pairs at the threshold ``best``.

        Raises:
            MaskrecError: the evaluation has no threshold ``best``.
        """
        if self.test_pairs is None:
            return None
        if "best" not in evaluation.thresholds:
            raise MaskrecError(
                f"pair set {self.test_pairs.label!r}: the evaluation has no threshold 'best'; evaluate before testing"
            )
        measured = self._measure(embed, self.test_pairs)
        metrics: dict[str, float] = {}
        applied: list[Row] = []
        scored = [score(part, self.fars) for part in parts_of(measured) if part.measurable]
        for scores in scored:
            part = scores.part
            names = {part.key("best"): None, "best": None, **{part.key(far_name(far)): None for far in self.fars}}
            stored = [name for name in names if name in evaluation.thresholds]
            mine = [applied_row(part, name, evaluation.thresholds[name].value) for name in stored]
            metrics |= scores.metrics() | {part.key("accuracy"): mine[0]["accuracy"]}
            applied += mine
        rates = [row for scores in scored for row in rate_rows(scores)]
        best = evaluation.thresholds["best"].value
        counts = confusion(*measured.both(), best)
        tables = {"applied_thresholds": applied, "tar_at_far": rates, **_decisions(measured, best)}
        answer = self._answer(measured, metrics, dict(evaluation.thresholds), tables, scored)
        picture = confusion_png(counts, measured.pairs.label, best)
        return replace(answer, figures={**answer.figures, "confusion": picture})

    def decided_pairs(self, embed: Embed, evaluation: Evaluation) -> list[DecidedPairs]:
        """What comparisons of models count: each test pair decided by the evaluation's thresholds, by condition.

        Without test pairs the evaluation pairs, each at the threshold that is best on the other folds.
        """
        measured = self._measure(embed, self.test_pairs or self.pairs)
        parts = [part for part in parts_of(measured) if part.measurable]
        if self.test_pairs is not None:
            return [applied_pairs(measured, part, evaluation.thresholds, self.fars) for part in parts]
        folds = [(part, cross_validated(measured, part, self.fold, self.normalize)) for part in parts]
        return [decided_by_folds(measured, part, self.fold, each, self.fars) for part, each in folds if each]

    def _measure(self, embed: Embed, pairs: Pairs) -> Measured:
        return measure(embed, pairs, "squared_l2", self.normalize, self.flip)

    def _answer(
        self,
        measured: Measured,
        metrics: dict[str, float],
        thresholds: dict[str, Threshold],
        tables: dict[str, list[Row]],
        scored: list[Scores],
    ) -> Evaluation:
        curves = {scores.part.condition: scores.curve for scores in scored}
        # Accuracies first: a terminal shows only the first few.
        metrics = dict(sorted(metrics.items(), key=lambda item: not item[0].startswith("accuracy")))
        return Evaluation(
            metrics,
            thresholds,
            {**tables, **decision_tables(measured, thresholds, "best")},
            {"roc": roc_png(curves, measured.pairs.label)},
            pair_details(measured, thresholds, "best"),
        )

    def _thresholds(self, scores: Scores) -> dict[str, Threshold]:
        part, label = scores.part, self.pairs.label
        of = f"{label}, {part.condition.replace('_', ' ')} pairs"
        best = Threshold(
            scores.best.threshold, "squared_l2", self.normalize, f"{of}: the threshold of highest accuracy"
        )
        rated = {
            part.key(far_name(rate.target)): Threshold(
                rate.threshold,
                "squared_l2",
                self.normalize,
                f"{of}: midway above the largest distance with a FAR of at most {rate.target:g}",
                far=rate.target,
            )
            for rate in scores.rates
            if rate.enough and rate.threshold is not None
        }
        return {part.key("best"): best, **rated}


def _decisions(measured: Measured, threshold: float) -> dict[str, list[Row]]:
    """The confusion matrix of all pairs at one threshold, and the scores of both classes."""
    counts = confusion(*measured.both(), threshold)
    return {"confusion": confusion_table(counts), "classes": class_table(counts)}


def _problems(values: Mapping[str, Any]) -> Iterable[Problem]:
    fars, folds = values.get("fars", _FARS), values.get("folds")
    yield from rate_problems(fars, "fars", "false accept rate")
    if folds is not None and folds < 2:
        yield Problem(f"folds must be at least 2, not {folds}", "folds", "LFW has 10")


def _folds(pairs: Pairs, folds: int | None) -> NDArray[np.int64]:
    """The pairs' own folds, or contiguous ones with every class and condition spread over all."""
    found = 0 if pairs.fold is None else len(np.unique(pairs.fold))
    if pairs.fold is not None and found > 1:
        if folds is not None and folds != found:
            raise UsageError(
                f"pair set {pairs.label!r} has {found} folds of its own, so folds: {folds} cannot be used; remove folds"
            )
        return pairs.fold
    wanted = 10 if folds is None else folds
    fewest = min(int(np.count_nonzero(pairs.same)), int(np.count_nonzero(~pairs.same)))
    if fewest < wanted:
        raise UsageError(
            f"pair set {pairs.label!r} has only {fewest} pairs of one kind, too few for {wanted} folds; add pairs or "
            "set folds lower"
        )
    return contiguous_folds(2 * pairs.condition.astype(np.int64) + pairs.same, wanted)
