"""The table at a run's end: a row a condition, that of all pairs first."""

from __future__ import annotations

from maskrec.training.summary import by_condition, overall

METRICS = {
    "accuracy/both_masked": 0.5,
    "accuracy": 0.75,
    "eer": 0.125,
    "accuracy/bare": 1.0,
    "eer/bare": 0.0,
    "tar@far=0.001": 12.5,
    "accuracy/at night": 0.25,
}


def test_a_row_a_condition_in_their_order_and_a_column_a_metric() -> None:
    assert by_condition(METRICS) == [
        "             accuracy     eer  tar@far=0.001",
        "all pairs      0.7500  0.1250        12.5000",
        "bare           1.0000  0.0000               ",
        "both masked    0.5000                       ",
        "at night       0.2500                       ",
    ]


def test_metrics_of_all_pairs_alone_have_their_row() -> None:
    assert by_condition({"error": 0.5}) == ["            error", "all pairs  0.5000"]


def test_metrics_of_conditions_alone_have_no_row_of_all_pairs() -> None:
    assert by_condition({"error/one_masked": 0.5}) == ["             error", "one masked  0.5000"]


def test_no_metrics_make_no_rows() -> None:
    assert by_condition({}) == [""]


def test_one_line_says_what_holds_for_all_pairs() -> None:
    assert overall(METRICS) == "accuracy 0.7500  eer 0.1250  tar@far=0.001 12.5000"
