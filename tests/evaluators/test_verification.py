"""LFW's protocol, TAR at FAR, EER and AUC per condition."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.evaluation import Evaluation, View
from maskrec.evaluators.verification import Verification
from maskrec.metrics import best_threshold, k_fold_accuracy, roc, tar_at_far


def squared_distances(people: Any, pairs: Any) -> np.ndarray:
    rows = people.embeddings[pairs.label].astype(float)
    rows /= np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.array([((rows[i] - rows[j]) ** 2).sum() for i, j in zip(pairs.left, pairs.right, strict=True)])


def test_every_figure_per_condition(people: Any, plain_json: Callable[[Any], None]) -> None:
    pairs = people.draw("held_out", pairs=2400)
    evaluator = Verification(pairs)
    answer = evaluator.evaluate(people.embed)
    assert set(answer.metrics) == set(Verification.metrics({}))
    distances = squared_distances(people, pairs)
    for number, end in enumerate(["", "/bare", "/one_masked", "/both_masked"]):
        chosen = np.ones(2400, dtype=bool) if number == 0 else pairs.condition == number - 1
        near, same, fold = distances[chosen], pairs.same[chosen], evaluator.fold[chosen]
        assert answer.metrics[f"auc{end}"] == pytest.approx(roc_auc_score(same, -near), abs=1e-12)
        assert answer.metrics[f"accuracy{end}"] == pytest.approx(k_fold_accuracy(near, same, fold).mean)
        curve = roc(near[same], near[~same])
        assert answer.metrics[f"eer{end}"] == pytest.approx(curve.eer())
        assert answer.metrics[f"tar@far=0.01{end}"] == pytest.approx(tar_at_far(curve, 0.01).tar)
        assert answer.metrics[f"best_accuracy{end}"] == best_threshold(near[same], near[~same]).accuracy
        assert np.bincount(fold[same]).tolist() == [len(fold) // 20] * 10
    plain_json(dict(answer.metrics))
    plain_json({name: [dict(row) for row in rows] for name, rows in answer.tables.items()})


def test_thresholds_with_fewer_than_ten_expected_events_are_not_stored(people: Any) -> None:
    answer = Verification(people.draw("held_out", pairs=2400)).evaluate(people.embed)
    # 1,200 different pairs, 400 a condition: 12 and 4 events at 0.01
    assert set(answer.thresholds) == {
        "best", "best/bare", "best/one_masked", "best/both_masked",
        "far=0.1", "far=0.1/bare", "far=0.1/one_masked", "far=0.1/both_masked", "far=0.01",
    }  # fmt: skip
    rows = {(row["condition"], row["far"]): row for row in answer.tables["tar_at_far"]}
    assert len(rows) == 12
    assert rows["all", 0.01]["expected_false_accepts"] == 12
    assert rows["all", 0.01]["threshold"] == answer.thresholds["far=0.01"].value
    assert rows["all", 0.001]["threshold"] is None
    assert "fewer than ten" in rows["bare", 0.01]["note"]
    for row in rows.values():
        assert row["low"] <= row["tar"] <= row["high"]
        assert row["measured_far"] <= row["far"]
    stored = answer.thresholds["far=0.01"]
    assert (stored.far, stored.distance, stored.normalize) == (0.01, "squared_l2", True)


def test_the_pairs_own_folds_are_used(people: Any) -> None:
    pairs = people.draw("held_out")
    fold = np.random.default_rng(4).integers(0, 5, 1200)
    answer = Verification(replace(pairs, fold=fold)).evaluate(people.embed)
    expected = k_fold_accuracy(squared_distances(people, pairs), pairs.same, fold)
    assert answer.metrics["accuracy"] == expected.mean
    assert answer.tables["accuracy"][0]["folds"] == 5
    assert answer.tables["accuracy"][0]["standard_error"] == expected.standard_error
    with pytest.raises(UsageError, match="has 5 folds of its own, so folds: 10 cannot be used"):
        Verification(replace(pairs, fold=fold), folds=10)


def test_pairs_in_one_fold_have_none(people: Any) -> None:
    """LFW's pairsDevTest.txt announces a single set."""
    pairs = people.draw("held_out")
    alone = Verification(replace(pairs, fold=np.zeros(1200, dtype=np.int64)), folds=6)
    assert alone.fold.tolist() == Verification(pairs, folds=6).fold.tolist()


def test_pairs_sorted_by_class_and_condition_are_spread_over_all_folds(people: Any) -> None:
    pairs = people.draw("held_out")
    order = np.lexsort([pairs.condition, pairs.same])
    pairs = replace(
        pairs,
        left=pairs.left[order],
        right=pairs.right[order],
        same=pairs.same[order],
        condition=pairs.condition[order],
    )
    fold = Verification(pairs).fold
    for condition in range(3):
        for same in (True, False):
            assert np.bincount(fold[(pairs.condition == condition) & (pairs.same == same)]).tolist() == [20] * 10


def test_threshold_from_other_people(people: Any) -> None:
    held_out, others = people.draw("held_out"), people.draw("others", noise=1.2, seed=1)
    evaluator = Verification(held_out, others)
    answer = evaluator.evaluate(people.embed)
    tested = evaluator.test(people.embed, answer)
    assert tested is not None
    assert tested.thresholds == answer.thresholds
    distances = squared_distances(people, others)
    for number, end in enumerate(["", "/bare", "/one_masked", "/both_masked"]):
        chosen = np.ones(1200, dtype=bool) if number == 0 else others.condition == number - 1
        called = distances[chosen] <= answer.thresholds[f"best{end}"].value
        assert tested.metrics[f"accuracy{end}"] == pytest.approx(np.mean(called == others.same[chosen]))
        assert tested.metrics[f"accuracy{end}"] <= tested.metrics[f"best_accuracy{end}"]
    assert set(tested.metrics) <= set(Verification.metrics({}))
    assert list(tested.metrics)[:4] == ["accuracy", "accuracy/bare", "accuracy/one_masked", "accuracy/both_masked"]
    names = [row["name"] for row in tested.tables["applied_thresholds"] if row["condition"] == "bare"]
    assert names == ["best/bare", "best", "far=0.1/bare"]
    called = distances <= answer.thresholds["best"].value
    same, different = tested.tables["confusion"]
    assert (same["called_same"], same["called_different"]) == (
        np.sum(called & others.same),
        np.sum(~called & others.same),
    )
    assert different["called_same"] == np.sum(called & ~others.same)
    scores = precision_recall_fscore_support(others.same, called, labels=[True, False])
    for column, values in zip(("precision", "recall", "f1"), scores[:3], strict=True):
        assert [row[column] for row in tested.tables["classes"]] == pytest.approx(list(values))
    assert set(tested.figures) == {"roc", "confusion"}


def test_a_condition_unknown_to_the_evaluation_takes_the_threshold_of_all(people: Any) -> None:
    evaluator = Verification(people.draw("held_out", conditions=1), people.draw("others", seed=1))
    answer = evaluator.evaluate(people.embed)
    tested = evaluator.test(people.embed, answer)
    assert tested is not None
    names = [row["name"] for row in tested.tables["applied_thresholds"] if row["condition"] == "both_masked"]
    assert names == ["best"]
    assert "accuracy/both_masked" in tested.metrics


def test_without_test_pairs_or_threshold(people: Any) -> None:
    evaluator = Verification(people.draw("held_out"))
    assert evaluator.test(people.embed, Evaluation({})) is None
    with pytest.raises(MaskrecError, match="no threshold 'best'"):
        Verification(people.draw("held_out"), people.draw("others")).test(people.embed, Evaluation({}))


def test_flip_takes_the_mean_before_normalisation(people: Any) -> None:
    pairs = people.draw("held_out")
    plain = people.embeddings["held_out"]
    people.mirrored["held_out"] = np.random.default_rng(9).normal(size=plain.shape).astype(np.float32)
    answer = Verification(pairs, flip=True).evaluate(people.embed)
    assert people.views == [("held_out", View()), ("held_out", View(flip=True))]
    people.embeddings["held_out"] = (plain.astype(float) + people.mirrored["held_out"]) / 2
    expected = Verification(pairs).evaluate(people.embed)
    assert dict(answer.metrics) == pytest.approx(dict(expected.metrics))


def test_raw_embeddings_get_candidates_up_to_the_largest_distance(people: Any) -> None:
    pairs = people.draw("held_out", noise=0.2)
    people.embeddings["held_out"] *= 100
    assert Verification(pairs, normalize=False).evaluate(people.embed).metrics["accuracy"] > 0.95


def test_equal_embeddings_are_chance(people: Any) -> None:
    pairs = people.draw("held_out")
    people.embeddings["held_out"] = np.ones((320, 4), dtype=np.float32)
    metrics = Verification(pairs).evaluate(people.embed).metrics
    assert (metrics["accuracy"], metrics["auc"], metrics["eer"], metrics["tar@far=0.1"]) == (0.5, 0.5, 0.5, 0.0)


def test_a_condition_that_cannot_be_measured_says_so(people: Any) -> None:
    pairs = people.draw("held_out")
    condition = np.where(pairs.same, 0, pairs.condition).astype(np.int8)
    rows = Verification(replace(pairs, condition=condition)).evaluate(people.embed).tables["accuracy"]
    assert [row["note"] for row in rows if row["condition"] == "one_masked"] == [
        "not measured: only different-person pairs"
    ]
    fold = np.where(pairs.condition == 1, 0, np.arange(1200) % 7)
    answer = Verification(replace(pairs, fold=fold)).evaluate(people.embed)
    assert "accuracy/one_masked" not in answer.metrics
    assert "auc/one_masked" in answer.metrics
    assert any("one fold" in row["note"] for row in answer.tables["accuracy"])


def test_parameters_out_of_range(people: Any) -> None:
    pairs = people.draw("held_out")
    for values, path, sentence in (
        ({"fars": [0.1, 1.0]}, "fars", r"inside \(0, 1\), not 1"),
        ({"fars": [0.0]}, "fars", r"inside \(0, 1\), not 0"),
        ({"fars": [0.01, 0.01]}, "fars", "listed twice"),
        ({"folds": 1}, "folds", "folds must be at least 2, not 1"),
    ):
        assert [problem.path for problem in Verification.check(values, CheckContext())] == [path]
        with pytest.raises(ValueError, match=sentence):
            Verification(pairs, **values)
    few = replace(pairs, left=pairs.left[:8], right=pairs.right[:8], same=pairs.same[:8], condition=pairs.condition[:8])
    with pytest.raises(UsageError, match="has only 4 pairs of one kind, too few for 10 folds"):
        Verification(few)
    assert Verification(few, folds=4, fars=()).evaluate(people.embed).metrics["auc"] >= 0


def test_metric_names_follow_the_rates() -> None:
    names = Verification.metrics({"fars": [1e-5, 0.25]})
    assert names["tar@far=1e-05/both_masked"] == "max"
    assert names["tar@far=0.25"] == "max"
    assert names["eer/bare"] == "min"
    assert "tar@far=0.01" not in names


def test_the_figure_is_a_png_and_the_same_every_time(people: Any) -> None:
    pairs = people.draw("held_out")
    figures = [Verification(pairs).evaluate(people.embed).figures["roc"] for _ in range(2)]
    assert figures[0] == figures[1]
    with Image.open(io.BytesIO(figures[0])) as image:
        assert image.format == "PNG"
