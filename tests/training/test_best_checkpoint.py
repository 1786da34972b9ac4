"""Which epoch ``checkpoints/best`` holds: by ``train.best``, ties to the earlier one; and what a run is opened with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probe_runs import PROBES, WATCH, column, embed_by_hand, embedded, pictures, probe, rows, state

from maskrec.base.errors import MaskrecError
from maskrec.inference.open_model import open_backbone
from maskrec.plugin.host import discover
from maskrec.recipe.plan import Opened
from maskrec.training.runner import resume


def scored(scores: list[float]) -> dict[str, Any]:
    return {"evaluate": {"held_out": {**WATCH, "scores": scores}}}


def result(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "result.json").read_text())
    return found


CHOICES: dict[str, tuple[str | None, list[float], int]] = {
    "the lowest": ("{metric: held_out.error, mode: min}", [0.5, 0.2, 0.4], 1),
    "the highest": ("{metric: held_out.gain, mode: max}", [0.5, 0.7, 0.4], 1),
    "the first of equal lowest": ("{metric: held_out.error, mode: min}", [0.5, 0.2, 0.2], 1),
    "the first of equal highest": ("{metric: held_out.gain, mode: max}", [0.7, 0.7, 0.4], 0),
    "the last of better and better": ("{metric: held_out.error, mode: min}", [0.3, 0.2, 0.1], 2),
    "the last without a choice": (None, [0.1, 0.2, 0.3], 2),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_best_epoch_is(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best, scores, epoch = CHOICES[case]
    run = probe(tmp_path, scored(scores), "train.epochs=3", f"train.best={best or 'null'}")
    kept = state(run, "best")
    assert (kept["epoch"], kept["step"]) == (epoch, 3 * (epoch + 1))
    assert result(run)["best"] == {"epoch": epoch + 1, "value": None if best is None else scores[epoch]}
    why = f"the best by {best.split()[1][:-1]}" if best else "the last that was evaluated"
    assert f"test held_out: with the weights and thresholds of epoch {epoch + 1}, {why}\n" in capsys.readouterr().out
    for kind in ("evaluate", "epoch"):
        assert column(run, "epoch", kind) == [1, 2, 3]
    assert column(run, "epoch", "test") == [epoch + 1]
    assert column(run, "epoch") == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [row["epoch"] for row in rows(run, "batches.jsonl")] == [0, 0, 0, 1, 1, 1, 2, 2, 2], "draws count from 0"
    assert result(run)["evaluate"]["held_out"]["metrics"]["error"] == scores[epoch]
    # its weights are those that were evaluated then, and those that the test was done with
    by_hand = embed_by_hand(kept["backbone"], pictures())
    assert np.abs(embedded(run, epoch) - by_hand).max() < 1e-5
    assert np.array_equal(embedded(run, "test"), embedded(run, epoch))
    assert result(run)["test"]["held_out"]["metrics"] == {"error": scores[epoch], "gain": scores[epoch]}


def test_the_best_value_so_far_goes_on_with_the_run(tmp_path: Path) -> None:
    run = probe(tmp_path, scored([0.2, 0.4]), "train.epochs=2", "train.best={metric: held_out.error, mode: min}")
    resume(run, discover([PROBES]), {"epochs": 3})  # its evaluator begins again and returns 0.2
    assert result(run)["best"] == {"epoch": 1, "value": 0.2}
    assert state(run, "best")["step"] == 3


@pytest.mark.parametrize(
    ("every", "epochs", "evaluated"), [(1, 3, [1, 2, 3]), (2, 4, [2, 4]), (2, 5, [2, 4, 5]), (9, 2, [2])]
)
def test_evaluations_are_where_they_are_due_and_after_the_last_epoch(
    every: int, epochs: int, evaluated: list[int], tmp_path: Path
) -> None:
    run = probe(tmp_path, None, f"train.evaluate_every={every}", f"train.epochs={epochs}")
    assert column(run, "epoch", "evaluate") == evaluated
    assert column(run, "epoch", "test") == [evaluated[-1]]


def test_a_run_that_is_stopped_is_evaluated_all_the_same(tmp_path: Path) -> None:
    run = probe(tmp_path, {"observe": {"halt": {"use": "halt", "at": "on_step", "after": 2}}}, "train.evaluate_every=5")
    assert column(run, "step", "evaluate") == [2]
    assert (result(run)["stopped"], result(run)["steps"]) == ("Stepped is enough", 2)


def test_a_metric_that_is_not_returned_is_said_before_training(tmp_path: Path) -> None:
    changes = {"evaluate": {"held_out": {**WATCH, "silent": True}}}
    with pytest.raises(MaskrecError, match=r"evaluate\.held_out: .*/watch declares the metric 'gain'"):
        probe(tmp_path, changes, "train.best={metric: held_out.gain, mode: max}")


def opened(run: Path) -> dict[str, torch.Tensor]:
    backbone = open_backbone(Opened("run", run, "teacher"), catalog=discover([PROBES]), data_root=Path())
    assert not backbone.training
    return dict(backbone.state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_is_opened_with_its_best_weights_and_with_its_last_ones_where_there_are_no_best(tmp_path: Path) -> None:
    best = "train.best={metric: held_out.error, mode: min}"
    run = probe(tmp_path, scored([0.2, 0.4]), "train.epochs=2", best)
    assert not same(state(run, "best")["backbone"], state(run, "last")["backbone"])
    assert same(opened(run), state(run, "best")["backbone"])
    (run / "checkpoints" / "best.safetensors").unlink()
    assert same(opened(run), state(run, "last")["backbone"])


def test_a_run_with_a_moving_average_is_opened_with_it(tmp_path: Path) -> None:
    run = probe(tmp_path, None, "train.ema=0.5")
    assert same(opened(run), state(run)["ema"])
    (run / "checkpoints" / "best.safetensors").unlink()
    assert same(opened(run), state(run)["ema"])


def test_another_runs_start_is_its_best_epoch(tmp_path: Path) -> None:
    best = "train.best={metric: held_out.error, mode: min}"
    first = probe(tmp_path, scored([0.2, 0.4]), "train.epochs=2", best, name="first")
    second = probe(tmp_path, {"init": "./first"}, "optimizer.lr=0.0", name="second")
    assert same(state(second)["backbone"], state(first, "best")["backbone"])
    assert rows(second, "journal.jsonl")[0]["step"] == 0
