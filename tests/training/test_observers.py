"""Observers: events come in order, one that raises is not called again, and one may end the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from probe_runs import PROBES, column, probe, rows

from maskrec.base.errors import MaskrecError
from maskrec.plugin.host import discover
from maskrec.training.runner import resume


def journal(run: Path) -> list[str]:
    return [row["event"] for row in rows(run, "journal.jsonl")]


def test_events_come_in_the_order_of_the_run(tmp_path: Path) -> None:
    run = probe(tmp_path, None, "train.epochs=2")
    epoch = ["step"] * 3 + ["evaluate", "epoch"]
    assert journal(run) == ["start", *epoch, *epoch, "evaluate", "end"]
    events = rows(run, "journal.jsonl")
    assert [row["stage"] for row in events if row["event"] == "evaluate"] == ["evaluate", "evaluate", "test"]
    assert [row["step"] for row in events if row["event"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert (events[0]["epochs"], events[0]["steps_per_epoch"], events[0]["step"]) == (2, 3, 0)
    means = [row["loss"] for row in events if row["event"] == "epoch"]
    losses = column(run, "loss")
    assert means == pytest.approx([sum(losses[:3]) / 3, sum(losses[3:]) / 3])
    assert means == column(run, "loss", "epoch")
    assert (events[-1]["step"], events[-1]["reason"]) == (6, None)


def test_a_run_that_goes_on_says_where(tmp_path: Path) -> None:
    run = probe(tmp_path)
    resume(run, discover([PROBES]), {"epochs": 2})
    starts = [row for row in rows(run, "journal.jsonl") if row["event"] == "start"]
    assert [(row["epochs"], row["step"]) for row in starts] == [(1, 0), (2, 3)]


def test_one_that_would_raise_at_every_step_is_asked_once_and_reported_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {"observe": {"frail": {"use": "fragile"}, "journal": {"use": "journal"}}}
    run = probe(tmp_path, both, "train.epochs=2")
    out = capsys.readouterr().out.splitlines()
    assert [row["event"] for row in rows(run, "fragile.jsonl")] == ["start", "step"]
    assert len(rows(run, "journal.jsonl")) == 13  # the other one receives every event
    at_once = next(n for n, line in enumerate(out) if line.startswith("observe.frail raised RuntimeError:"))
    at_the_end = next(n for n, line in enumerate(out) if line.startswith("observe.frail was detached"))
    assert at_once < next(n for n, line in enumerate(out) if line.startswith("epoch 1  held_out"))
    assert at_the_end > next(n for n, line in enumerate(out) if line.startswith("test held_out"))
    assert sum("[/data/x.csv]" in line for line in out) == 2
    without = probe(tmp_path, None, "train.epochs=2", name="without")
    assert column(run, "loss") == column(without, "loss")


@pytest.mark.parametrize(
    ("at", "after", "steps", "named"),
    [
        ("on_start", 1, 0, "Started"),
        ("on_step", 2, 2, "Stepped"),
        ("on_evaluate", 1, 3, "Evaluated"),
        ("on_epoch", 2, 6, "EpochEnded"),
    ],
)
def test_one_may_end_the_run_as_planned(at: str, after: int, steps: int, named: str, tmp_path: Path) -> None:
    halt: dict[str, Any] = {"use": "halt", "at": at, "after": after}
    run = probe(tmp_path, {"observe": {"halt": halt, "journal": {"use": "journal"}}}, "train.epochs=3")
    assert column(run, "step") == list(range(1, steps + 1))
    result = json.loads((run / "result.json").read_text())
    assert (result["steps"], result["stopped"]) == (steps, f"{named} is enough")
    assert rows(run, "journal.jsonl")[-1] == {"event": "end", "step": steps, "reason": f"{named} is enough"}


@pytest.mark.parametrize("at", ["on_start", "on_step", "on_evaluate", "on_epoch"])
def test_one_may_call_the_run_a_failure(at: str, tmp_path: Path) -> None:
    halt = {"use": "halt", "at": at, "failed": True}
    with pytest.raises(MaskrecError, match="is enough"):
        probe(tmp_path, {"observe": {"halt": halt}}, "train.epochs=3")
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_run_that_an_observer_ended_goes_on_when_more_epochs_are_asked_for(tmp_path: Path) -> None:
    halt = {"use": "halt", "at": "on_step", "after": 2}
    run = probe(tmp_path, {"observe": {"halt": halt}}, "train.epochs=2")
    assert column(run, "step") == [1, 2]
    resume(run, discover([PROBES]), {"epochs": 3})
    assert column(run, "step") == [1, 2, 3, 4]  # it counts from 0 again, and stops the second epoch at its second step
