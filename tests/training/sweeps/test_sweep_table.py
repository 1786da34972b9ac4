"""Mean and spread over seeds, on the screen and in the CSV."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from maskrec.metrics import t_interval
from maskrec.training.sweeps.sweep_table import Row, Spread, run_metrics, shown_table, write_csv


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("number", [2, 3, 4, 5, 6, 11, 30, 101])
def test_the_interval_is_students(number: int, confidence: float) -> None:
    values = np.random.default_rng(number).normal(0.9, 0.03, number)
    expected = stats.t.interval(confidence, number - 1, values.mean(), stats.sem(values))
    assert t_interval(values.tolist(), confidence) == pytest.approx(expected, rel=1e-9)


def test_an_interval_needs_two_values() -> None:
    with pytest.raises(ValueError, match="at least two values, not 1"):
        t_interval([0.9])
    assert t_interval([0.5, 0.5]) == (0.5, 0.5)


def test_a_spread_says_mean_interval_and_deviation() -> None:
    three = Spread((0.90, 0.92, 0.97))
    assert three.shown() == "0.9300 [0.8404, 1.0196] sd 0.0361"
    assert Spread((0.9,)).shown() == "0.9000"
    assert (Spread((0.9,)).deviation, Spread((0.9,)).interval) == (None, None)


def test_figures_of_evaluation_and_test_pairs_are_kept_apart() -> None:
    result = {
        "evaluate": {"a": {"metrics": {"accuracy": 0.5}}, "b": {"metrics": {"iou": 0.1}}},
        "test": {"a": {"metrics": {"accuracy": 0.6, "accuracy/bare": 0.7}}},
    }
    assert run_metrics(result) == {
        "evaluate.a.accuracy": 0.5, "evaluate.b.iou": 0.1, "test.a.accuracy": 0.6, "test.a.accuracy/bare": 0.7,
    }  # fmt: skip


ROWS = [
    Row({"loss.margin": "0.3"}, 2, {"test.a.iou": Spread((0.1, 0.2)), "test.a.accuracy": Spread((0.5, 0.7))}),
    Row({"loss.margin": "0.4"}, 0, {}),
]


def test_the_table_has_a_row_a_combination_also_of_those_that_failed() -> None:
    lines = shown_table(ROWS, "a.iou").splitlines()
    assert lines[0].split() == ["loss.margin", "runs", "test.a.iou", "test.a.accuracy"]
    assert lines[1].split()[:3] == ["0.3", "2", "0.1500"]
    assert lines[2].split() == ["0.4", "0", "-", "-"]
    assert shown_table(ROWS, None).splitlines()[0].split()[2] == "test.a.accuracy"


def test_the_csv_has_every_metric_exactly(tmp_path: Path) -> None:
    write_csv(tmp_path / "sweep.csv", ROWS)
    first, second = csv.DictReader((tmp_path / "sweep.csv").open(encoding="utf-8", newline=""))
    assert (first["loss.margin"], first["metric"], first["runs"]) == ("0.3", "test.a.iou", "2")
    assert json.loads(f"[{second['values'].replace(' ', ',')}]") == [0.5, 0.7]
    assert float(second["sd"]) == pytest.approx(0.2 / math.sqrt(2))
    assert (float(second["low"]), float(second["high"])) == pytest.approx(t_interval([0.5, 0.7]))
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.csv"]
