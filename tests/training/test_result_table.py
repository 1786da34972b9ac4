"""What an evaluation looks like: a line an epoch, and at a run's end a table by condition and one of decisions."""

from __future__ import annotations

from typing import Any

import pytest

from maskrec.base.console import cells
from maskrec.contracts.evaluation import Evaluation
from maskrec.inference.evaluating.result_tables import by_condition, decision_rows, final_tables
from maskrec.training.records.summary import epoch_line

METRICS = {
    "accuracy/both_masked": 0.5,
    "accuracy": 0.75,
    "eer": 0.125,
    "accuracy/bare": 1.0,
    "eer/bare": 0.0,
    "tar@far=0.001": 12.5,
    "accuracy/at night": 0.25,
}
DECISIONS = {
    "accuracy": [{"condition": "all", "note": "a table that is in result.json only"}],
    "confusion": [
        {"pairs": "same", "called_same": 8, "called_different": 2},
        {"pairs": "different", "called_same": 0, "called_different": 10},
    ],
    "classes": [
        {"class": "same", "precision": None, "recall": 0.8, "f1": 0.75},
        {"class": "different", "precision": 0.5, "recall": 1.0, "f1": 0.25},
    ],
}


def test_a_row_a_condition_in_their_order_and_a_column_a_metric() -> None:
    assert by_condition(METRICS) == [
        "             accuracy     eer  tar@far=0.001",
        "all pairs      0.7500  0.1250        12.5000",
        "bare           1.0000  0.0000",
        "both masked    0.5000",
        "at night       0.2500",
    ]


def test_metrics_of_all_pairs_alone_have_their_row() -> None:
    assert by_condition({"error": 0.5}) == ["            error", "all pairs  0.5000"]


def test_metrics_of_conditions_alone_have_no_row_of_all_pairs() -> None:
    assert by_condition({"error/one_masked": 0.5}) == ["             error", "one masked  0.5000"]


def test_no_metrics_make_no_rows() -> None:
    assert by_condition({}) == [""]


def test_the_final_tables_end_with_the_decisions_and_their_scores() -> None:
    assert list(final_tables(Evaluation({"error": 0.5}, tables=DECISIONS))) == [
        "            error",
        "all pairs  0.5000",
        "                 called same  called different  precision  recall      f1",
        "same pairs                 8                 2          -  0.8000  0.7500",
        "different pairs            0                10     0.5000  1.0000  0.2500",
    ]
    theirs = {"confusion": [{"anything": 1}], "classes": []}
    assert decision_rows(theirs) == {}, "somebody else's table of that name is not shown as ours"
    assert list(final_tables(Evaluation({}, tables=theirs))) == [""]


def rate(far: float, pairs: int, **other: Any) -> dict[str, Any]:
    few = far * pairs < 10
    row = {"condition": "all", "same_pairs": pairs, "different_pairs": pairs, "far": far, "note": "few" if few else ""}
    return {**row, "expected_false_accepts": far * pairs, **other}


def test_what_few_pairs_cannot_carry_is_said_once_below_the_table() -> None:
    rates = [rate(0.1, 30), rate(0.001, 30), rate(0.001, 30, condition="bare")]
    applied = {"condition": "all", "same_pairs": 30, "different_pairs": 30, "accuracy": 0.9}
    few = {"tar_at_far": rates, "applied_thresholds": [applied | {"accuracy_low": 0.8, "accuracy_high": 0.95}]}
    assert list(final_tables(Evaluation({"accuracy": 0.9}, tables=few)))[2:] == [
        "note: of 30 different pairs, the false accepts to be expected are 3 at tar@far=0.1 and 0.03 at tar@far=0.001; "
        "with fewer than ten, such a rate says little",
        "note: 60 pairs are few: the 95 % interval of their accuracy is 0.8000 to 0.9500",
    ]
    decided = {"accuracy": [{"condition": "all", "same_pairs": 8, "different_pairs": 9, "low": 0.1, "high": 0.9}]}
    assert list(final_tables(Evaluation({"accuracy": 0.9}, tables=decided)))[2:] == [
        "note: 17 pairs are few: the 95 % interval of their accuracy is 0.1000 to 0.9000"
    ]
    many = {"tar_at_far": [rate(0.01, 3000)], "accuracy": [{**decided["accuracy"][0], "low": 0.89, "high": 0.91}]}
    assert len(list(final_tables(Evaluation({"accuracy": 0.9}, tables=many)))) == 2


def test_an_epoch_is_one_line_with_the_accuracy_of_each_condition() -> None:
    assert epoch_line(3, "held_out", METRICS) == (
        "epoch 3  held_out: accuracy 0.7500 (bare 1.0000, both 0.5000)  eer 0.1250  tar@far=0.001 12.5000"
    )
    masked = {"iou": 0.0512, "accuracy": 0.9632} | {
        f"accuracy/{name}": value for name, value in (("bare", 0.9677), ("one_masked", 0.9610), ("both_masked", 0.9633))
    }
    assert epoch_line(25, "masked_lfw", masked | {"best_accuracy": 0.97}) == (
        "epoch 25  masked_lfw: accuracy 0.9632 (bare 0.9677, one masked 0.9610, both 0.9633)  iou 0.0512"
    )
    assert epoch_line(1, "x", {"error/bare": 0.5}) == "epoch 1  x: error (bare 0.5000)"
    assert epoch_line(1, "x", {"error": 0.5, "gain": 1.0}) == "epoch 1  x: error 0.5000  gain 1.0000"
    assert epoch_line(1, "x", {}) == "epoch 1  x:"


def test_every_epoch_of_a_run_shows_the_same_metrics() -> None:
    accuracies = {f"accuracy/{name}": 0.5 for name in ("bare", "one_masked", "both_masked")}
    metrics = {"accuracy": 0.5, **accuracies, "tar@far=0.1": 0.1789, "auc": 0.5763}
    lines = [epoch_line(epoch, "held_out", metrics, 10) for epoch in (9, 10)]
    assert lines[1] == lines[0].replace("epoch 9", "epoch 10")
    assert lines[0].endswith("  auc 0.5763")
    assert epoch_line(6, "held_out", metrics, 6).endswith("  tar@far=0.1 0.1789")
    other = epoch_line(9, "held_out", {**metrics, "accuracy": 12.5}, 10)
    assert other.endswith("  auc 0.5763")


@pytest.mark.parametrize("label", ["a", "a_label_of_somebody_who_likes_long_ones", "顔" * 30])
def test_an_epochs_line_has_at_most_a_hundred_columns(label: str) -> None:
    many = {f"tar@far={number}": 0.123456 for number in range(30)}
    accuracies = {f"accuracy/{name}": 0.5 for name in ("bare", "one_masked", "both_masked")}
    for metrics in (many, many | accuracies, {"accuracy": 0.5, **accuracies, **many}):
        line = epoch_line(10_000, label, metrics)
        assert cells(line) <= 100
        assert line.startswith(f"epoch 10000  {label[:10]}")
        assert ("both 0.5000" in line) == ("accuracy/bare" in metrics)


def test_tables_of_protocols_without_pairs_are_shown_with_their_intervals() -> None:
    tables: dict[str, Any] = {
        "mask_types": [{"mask": "n95", "far": 1e-4, "tar": 0.5, "low": 0.25, "high": 0.75, "measured_far": 2e-4}],
        "cmc": [{"probes": "bare_probes", "rank": 5, "rate": 1.0, "low": 0.5, "high": 1.0, "searches": 4000}],
        "open_set": [{"probes": "bare_probes", "fpir": 0.1, "fnir": 0.25, "threshold": None, "note": "few"}],
        "groups": [
            {"compared": "x", "group": "a", "far": 0.002, "far_low": 0.001, "far_high": 0.003, "expected": 1234.5},
            {"compared": "x", "group": "b", "far": None, "far_low": None, "far_high": None, "expected": 0.5},
        ],
        "other": [{"is": "in result.json only"}],
    }
    answer = Evaluation({}, tables=tables, notes=["said"], failed=["not so"])
    assert list(final_tables(answer)) == [
        "",
        "                              tar [95 %]  measured_far",
        "n95, far 0.0001  0.5000 [0.2500, 0.7500]        0.0002",
        "                                 rate [95 %]  searches",
        "bare probes, rank 5  1.0000 [0.5000, 1.0000]     4,000",
        "                         fnir",
        "bare probes, fpir 0.1  0.2500",
        "x, by group:",
        "             far [95 %]  expected",
        "a  0.002 [0.001, 0.003]   1,234.5",
        "b                     -    0.5000",
        "note: said",
        "failed: not so",
    ]
