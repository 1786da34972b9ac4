"""What a run prints at its start and end, what it writes, and the use of a checkpoint within an epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from probe_runs import PROBES, WATCH, column, probe, probe_plan, rows, state

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.plugin.host import discover
from maskrec.training.runner import resume, start

FAIL = {"use": "halt", "at": "on_step", "failed": True}


def test_its_result_says_what_came_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = probe(tmp_path, {"evaluate": {"held_out": {**WATCH, "scores": [0.4, 0.3]}}}, "train.epochs=2")
    plain = {"metrics": {"error": 0.3, "gain": 0.3}, "thresholds": {}, "tables": {}}
    assert json.loads((run / "result.json").read_text()) == {
        "epochs": 2,
        "steps": 6,
        "stopped": None,
        "demo": False,
        "demo_reason": "",
        "caveats": [],
        "best": {"epoch": 2, "value": None},
        "evaluate": {"held_out": plain},
        "test": {"held_out": plain},
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"starting: run in {run} on cpu in float32"
    assert lines[1:3] == [
        "epoch 1  held_out: error 0.4000  gain 0.4000",
        "epoch 2  held_out: error 0.3000  gain 0.3000",
    ]
    assert lines[3] == (
        "note: no mask probe is stored: the evaluation pairs have no landmarks by which masks are put on"
    )
    assert lines[4] == "test held_out: with the weights and thresholds of epoch 2, the last that was evaluated"
    assert lines[6].split() == ["all", "pairs", "0.3000", "0.3000"]
    assert lines[7:] == [f"finished: 6 steps; results in {run / 'result.json'}"]


def test_a_run_that_goes_on_says_from_which_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = probe(tmp_path, {"observe": {"halt": {"use": "halt", "at": "on_step", "after": 2}}})
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["stopped: Stepped is enough", f"finished: 2 steps; results in {run / 'result.json'}"]
    resume(run, discover([PROBES]), {"epochs": 2})
    assert capsys.readouterr().out.startswith(f"continuing at step 2: run in {run} on cpu in float32\n")
    assert column(run, "step") == [1, 2, 3, 4]


@pytest.mark.parametrize(("every", "kept"), [(1, 2), (2, 2), (3, 0), (500, 0)])
def test_a_checkpoint_is_written_every_so_many_steps_within_an_epoch(every: int, kept: int, tmp_path: Path) -> None:
    """Killed at its third step of four, which no checkpoint holds."""
    changes = {"sampler": {"use": "shuffled", "batch_size": 6}, "observe": {"halt": {**FAIL, "after": 3}}}
    with pytest.raises(MaskrecError, match="is enough"):
        probe(tmp_path, changes, f"train.checkpoint_every={every}")
    last = tmp_path / "run" / "checkpoints" / "last.safetensors"
    assert last.exists() == (kept > 0)
    if kept:
        position = state(tmp_path / "run")["position"]
        assert (position["epoch"], position["step"], position["batches"]) == (0, kept, kept)
        losses = column(tmp_path / "run", "loss")
        assert position["loss_sum"] == pytest.approx(sum(losses[:kept]))
        assert position["loss_steps"] == kept


def test_rows_after_the_checkpoint_are_written_again_and_the_epochs_mean_is_over_all_of_it(tmp_path: Path) -> None:
    observe: dict[str, Any] = {"halt": {**FAIL, "after": 3}, "journal": {"use": "journal"}}
    with pytest.raises(MaskrecError, match="is enough"):
        probe(tmp_path, {"observe": observe}, "train.checkpoint_every=1", "train.epochs=1")
    run = tmp_path / "run"
    assert column(run, "step") == [1, 2, 3]
    resume(run, discover([PROBES]), {})
    assert column(run, "step") == [1, 2, 3]
    assert column(run, "loss", "epoch") == pytest.approx([sum(column(run, "loss")) / 3])
    whole = probe(tmp_path, {"observe": {"journal": {"use": "journal"}}}, name="whole")
    assert column(run, "loss") == column(whole, "loss")
    assert all(
        torch.equal(a, b)
        for a, b in zip(state(run)["backbone"].values(), state(whole)["backbone"].values(), strict=True)
    )


def test_without_a_folder_it_gets_one_of_its_own_below_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = probe_plan(tmp_path, name="mine")
    runs = {start(plan, discover([PROBES]), tmp_path, None) for _ in range(2)}
    assert len(runs) == 2
    for run in runs:
        assert run.parent == Path("runs/mine")
        assert run.name[8] == "T"
        assert (run / "result.json").exists()


def test_a_folder_that_was_there_is_left_when_the_recipe_cannot_be_built(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(MaskrecError, match="names `batch`"):
        probe(tmp_path, {"loss": {"use": "peeking"}})
    assert (tmp_path / "run").is_dir()
    with pytest.raises(MaskrecError, match="names `batch`"):
        probe(tmp_path, {"loss": {"use": "peeking"}}, name="new")
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UsageError, match=r"run is a file; --run-dir must name a folder"):
        probe(tmp_path)


def test_machine_settings_may_change_at_a_resume_and_are_kept_in_the_history(tmp_path: Path) -> None:
    run = probe(tmp_path)
    threads = torch.get_num_threads()
    resume(
        run, discover([PROBES]), {"epochs": 2, "workers": 1, "checkpoint_every": 7, "device": "cpu", "threads": threads}
    )
    history = json.loads((run / "provenance.json").read_text())["history"]
    assert [row["train"] for row in history] == [
        {"epochs": 1, "device": "cpu", "workers": 0},
        {"epochs": 2, "device": "cpu", "workers": 1},
    ]
    assert [row["processes"] for row in history] == [1, 1]
    assert len(column(run, "step")) == 6


def test_plugin_files_are_copied_for_reading(tmp_path: Path) -> None:
    run = start(probe_plan(tmp_path), discover([PROBES]), tmp_path, tmp_path / "run", plugin_files=[PROBES])
    assert (run / "plugins" / PROBES.name).read_text() == PROBES.read_text()


def test_the_batches_of_a_step_are_drawn_by_the_seed(tmp_path: Path) -> None:
    order = [
        [row["indices"] for row in rows(probe(tmp_path, {"seed": seed}, name=f"seed{number}"), "batches.jsonl")]
        for number, seed in enumerate((5, 5, 6))
    ]
    assert order[0] == order[1] != order[2]
