"""The reference protocol as an evaluator."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.evaluation import Evaluation
from maskrec.evaluators.confusion_plot import confusion_png
from maskrec.evaluators.pair_histogram import PairHistogram
from maskrec.metrics import Confusion, histogram_threshold


def by_hand(people: Any, pairs: Any) -> tuple[list[float], list[float]]:
    """L2 distances of unit embeddings in loops: of same pairs, of different pairs."""
    same, different = [], []
    for left, right, alike in zip(pairs.left, pairs.right, pairs.same, strict=True):
        one, other = people.embeddings[pairs.label][[left, right]].astype(float)
        distance = float(np.linalg.norm(one / np.linalg.norm(one) - other / np.linalg.norm(other)))
        (same if alike else different).append(distance)
    return same, different


def test_figures_equal_loops_over_pairs(people: Any, plain_json: Callable[[Any], None]) -> None:
    pairs = people.draw("held_out")
    answer = PairHistogram(pairs).evaluate(people.embed)
    same, different = by_hand(people, pairs)
    threshold = answer.thresholds["histogram"]
    assert threshold.value == histogram_threshold(same, different).threshold
    assert (threshold.distance, threshold.normalize, threshold.collapsed) == ("l2", True, False)
    assert "held_out" in threshold.source
    right = sum(d <= threshold.value for d in same) + sum(d > threshold.value for d in different)
    assert answer.metrics["accuracy"] == right / 1200
    overlap = sum(d >= threshold.value for d in same) + sum(d <= threshold.value for d in different)
    assert answer.metrics["iou"] == pytest.approx(overlap / (1200 - overlap))
    assert answer.metrics["collapsed"] == 0.0
    assert 0.8 < answer.metrics["accuracy"] <= answer.metrics["best_accuracy"] <= 1
    plain_json({name: [dict(row) for row in rows] for name, rows in answer.tables.items()})
    plain_json(dict(answer.metrics))


def test_every_key_is_declared_and_conditions_add_up(people: Any) -> None:
    answer = PairHistogram(people.draw("held_out")).evaluate(people.embed)
    assert set(answer.metrics) == set(PairHistogram.metrics({}))
    rows = {row["condition"]: row for row in answer.tables["accuracy"]}
    assert list(rows) == ["all", "bare", "one_masked", "both_masked"]
    weighed = sum(rows[name]["accuracy"] * 400 for name in ("bare", "one_masked", "both_masked")) / 1200
    assert weighed == pytest.approx(rows["all"]["accuracy"])
    ious = [answer.metrics[f"iou/{name}"] for name in ("bare", "one_masked", "both_masked")]
    whole = answer.metrics["iou"]
    assert sum(iou * 400 / (1 + iou) for iou in ious) == pytest.approx(whole * 1200 / (1 + whole))
    for row in rows.values():
        assert row["low"] < row["accuracy"] < row["high"]
        assert row["same_pairs"] + row["different_pairs"] == (1200 if row["condition"] == "all" else 400)
    called = answer.tables["confusion"]
    assert called[0]["called_same"] + called[1]["called_different"] == round(answer.metrics["accuracy"] * 1200)


def test_a_condition_that_is_not_there_is_not_returned(people: Any) -> None:
    answer = PairHistogram(people.draw("held_out", conditions=1)).evaluate(people.embed)
    assert "accuracy/bare" in answer.metrics
    assert "accuracy/one_masked" not in answer.metrics


def test_a_condition_with_one_kind_of_pairs_says_so(people: Any) -> None:
    pairs = people.draw("held_out")
    pairs = replace(pairs, condition=np.where(pairs.same, 0, pairs.condition).astype(np.int8))
    answer = PairHistogram(pairs).evaluate(people.embed)
    rows = {row["condition"]: row for row in answer.tables["accuracy"]}
    assert rows["one_masked"]["accuracy"] is None
    assert rows["one_masked"]["note"] == "not measured: only different-person pairs"
    assert "accuracy/one_masked" not in answer.metrics


def test_the_threshold_of_the_evaluation_is_applied_once_to_the_test_pairs(people: Any) -> None:
    evaluator = PairHistogram(people.draw("held_out"), people.draw("others", noise=1.3, seed=1))
    answer = evaluator.evaluate(people.embed)
    tested = evaluator.test(people.embed, answer)
    assert tested is not None
    threshold = answer.thresholds["histogram"]
    assert tested.thresholds == {"histogram": threshold}
    same, different = by_hand(people, evaluator.test_pairs)
    right = sum(d <= threshold.value for d in same) + sum(d > threshold.value for d in different)
    assert tested.metrics["accuracy"] == right / 1200
    assert threshold.value != histogram_threshold(same, different).threshold
    assert set(tested.metrics) <= set(PairHistogram.metrics({}))


def test_without_test_pairs_nothing_is_tested(people: Any) -> None:
    evaluator = PairHistogram(people.draw("held_out"))
    assert evaluator.test(people.embed, evaluator.evaluate(people.embed)) is None


def test_a_threshold_of_other_distances_is_refused(people: Any) -> None:
    raw = PairHistogram(people.draw("held_out"), normalize=False)
    tester = PairHistogram(people.draw("held_out"), people.draw("others", seed=1))
    for evaluation in (raw.evaluate(people.embed), Evaluation({})):
        with pytest.raises(MaskrecError, match="no 'histogram' threshold for L2 distances with normalize: true"):
            tester.test(people.embed, evaluation)


def test_collapsed_is_marked_everywhere(people: Any) -> None:
    evaluator = PairHistogram(people.draw("held_out"), people.draw("others", seed=1))
    for label in ("held_out", "others"):
        people.embeddings[label] = np.ones((320, 4), dtype=np.float32)
    answer = evaluator.evaluate(people.embed)
    assert (answer.metrics["collapsed"], answer.metrics["iou"], answer.metrics["accuracy"]) == (1.0, 1.0, 0.5)
    assert answer.thresholds["histogram"].collapsed
    assert "these same pairs" in answer.thresholds["histogram"].source
    assert "do not cross" in answer.tables["accuracy"][0]["note"]
    tested = evaluator.test(people.embed, answer)
    assert tested is not None
    assert (tested.metrics["collapsed"], tested.metrics["iou"]) == (1.0, 1.0)


def test_collapsed_has_iou_1_whatever_its_best_threshold_reaches(people: Any) -> None:
    """Both peaks in one bin and no gap, although a threshold decides most pairs correctly."""
    angles = np.deg2rad([0, 10, 12, 14, 6])
    pairs = people.add(
        "held_out",
        np.stack([np.cos(angles), np.sin(angles)], axis=1),
        left=np.array([1, 2, 0, 0]),
        right=np.array([2, 3, 1, 4]),
        same=np.array([True, True, True, False]),
    )
    metrics = PairHistogram(pairs, bins=2).evaluate(people.embed).metrics
    assert (metrics["collapsed"], metrics["iou"], metrics["accuracy"]) == (1.0, 1.0, 0.75)


def test_known_fault_no_crossing_reuses_the_last_epochs_threshold(people: Any) -> None:
    """One evaluator over two epochs, the second collapsed: nothing of the first remains."""
    evaluator = PairHistogram(people.draw("held_out"))
    first = evaluator.evaluate(people.embed)
    people.embeddings["held_out"] = np.ones((320, 4), dtype=np.float32)
    second = evaluator.evaluate(people.embed)
    fresh = PairHistogram(evaluator.evaluation).evaluate(people.embed)
    assert second.thresholds == fresh.thresholds
    assert second.thresholds["histogram"].value != first.thresholds["histogram"].value
    assert second.metrics == fresh.metrics
    assert second.metrics["collapsed"] == 1.0


def test_raw_embeddings_keep_their_lengths(people: Any) -> None:
    pairs = people.add(
        "held_out",
        [[1.0, 0], [2.0, 0], [40.0, 0], [41.0, 0]],
        left=np.array([0, 2, 0, 1]),
        right=np.array([1, 3, 2, 3]),
        same=np.array([True, True, False, False]),
    )
    raw = PairHistogram(pairs, normalize=False).evaluate(people.embed)
    assert raw.metrics["accuracy"] == 1.0
    assert 1 < raw.thresholds["histogram"].value < 39
    assert PairHistogram(pairs).evaluate(people.embed).metrics["collapsed"] == 1.0


@pytest.mark.parametrize("kind", ["same", "different"])
def test_pairs_of_one_kind_are_refused(people: Any, kind: str) -> None:
    pairs = people.draw("held_out")
    other = "different" if kind == "same" else "same"
    pairs = replace(pairs, same=np.full(1200, kind == "same"))
    with pytest.raises(UsageError, match=f"pair set 'held_out' has no {other}-person pairs"):
        PairHistogram(pairs)
    with pytest.raises(UsageError, match=f"has no {other}-person pairs"):
        PairHistogram(people.draw("evaluation"), pairs)


@pytest.mark.parametrize(
    ("value", "sentence"), [(np.nan, "1 embedding of 320 has numbers that are not finite"), (0.0, "is all zeros")]
)
def test_a_dead_network_is_one_sentence(people: Any, value: float, sentence: str) -> None:
    pairs = people.draw("held_out")
    people.embeddings["held_out"][7] = value
    with pytest.raises(MaskrecError, match=f"pair set 'held_out': .*{sentence}"):
        PairHistogram(pairs).evaluate(people.embed)


def test_bins_out_of_range(people: Any) -> None:
    problems = list(PairHistogram.check({"bins": 1}, CheckContext()))
    assert [problem.path for problem in problems] == ["bins"]
    assert not list(PairHistogram.check({"bins": 2}, CheckContext()))
    with pytest.raises(ValueError, match="bins must be at least 2"):
        PairHistogram(people.draw("held_out"), bins=1)


@pytest.mark.parametrize("normalize", [True, False])
def test_the_validation_loss_is_that_of_unit_embeddings(people: Any, normalize: bool) -> None:
    pairs = people.draw("held_out")
    answer = PairHistogram(pairs, normalize=normalize).evaluate(people.embed)
    rows = people.embeddings["held_out"].astype(np.float64)
    losses: dict[bool, list[float]] = {True: [], False: []}
    for left, right, same in zip(pairs.left, pairs.right, pairs.same, strict=True):
        one, other = (rows[each] / np.sqrt(rows[each] @ rows[each]) for each in (left, right))
        distance = float(np.sqrt(((one - other) ** 2).sum()))
        losses[bool(same)].append(distance**2 if same else max(0.0, np.sqrt(2) - distance) ** 2)
    expected = sum(sum(each) / len(each) for each in losses.values()) / 2
    assert answer.metrics["loss"] == pytest.approx(expected, rel=1e-6)
    assert PairHistogram.metrics({})["loss"] == "min"


def test_a_raw_embedding_that_is_all_zeros_has_no_validation_loss(people: Any) -> None:
    pairs = people.draw("held_out")
    people.embeddings["held_out"][7] = 0.0
    answer = PairHistogram(pairs, normalize=False).evaluate(people.embed)
    assert "loss" not in answer.metrics
    assert answer.metrics["accuracy"] > 0.5


def test_the_confusion_matrix_is_a_picture_too(people: Any) -> None:
    pairs = people.draw("held_out $x^{ [label]", conditions=1)
    answers = [PairHistogram(pairs).evaluate(people.embed) for _ in range(2)]
    drawn = [answer.figures["confusion"] for answer in answers]
    assert drawn[0] == drawn[1]
    same, different = answers[0].tables["confusion"]
    counts = Confusion(*same_columns(same), *same_columns(different))
    assert drawn[0] == confusion_png(counts, pairs.label, answers[0].thresholds["histogram"].value)
    with Image.open(io.BytesIO(drawn[0])) as image:
        # nearly all same pairs are called same, so its field is dark, and that beside it light
        pixels = image.convert("L")
        assert pixels.getpixel((300, 60)) < 100 < 200 < pixels.getpixel((700, 60))


def same_columns(row: Any) -> tuple[int, int]:
    return row["called_same"], row["called_different"]


def test_the_figure_is_a_png_and_the_same_every_time(people: Any) -> None:
    pairs = people.draw("held_out $x^{ [label]")  # a label is not read as mathematics
    figures = [PairHistogram(pairs).evaluate(people.embed).figures["distribution"] for _ in range(2)]
    assert figures[0] == figures[1]
    with Image.open(io.BytesIO(figures[0])) as image:
        assert image.size == (864, 504)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    assert {(0x1B, 0x7F, 0x79), (0xD1, 0x49, 0x5B)} <= colours  # both outlines are drawn
    assert b"Software" not in figures[0]
