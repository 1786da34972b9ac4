"""Rows of metrics cover several steps: when they are due, what they hold, and that the steps are the same steps."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from operation_counts import OperationCounts
from probe_runs import PROBES, column, probe, probe_plan, rows, state
from run_comparison import TIME_FIELDS, differences

from maskrec.contracts.events import Stepped
from maskrec.observers.collapse_monitor import CollapseMonitor
from maskrec.observers.loss_curve import LossCurve
from maskrec.plugin.host import discover
from maskrec.recipe.plan import Train
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.training.assemble import assemble
from maskrec.training.runner import resume
from maskrec.training.steps.step_window import read_scalars
from maskrec.training.steps.train_step import TrainStep

TWELVE = "data.people=24"  # 96 pictures in batches of 8
KEEPING = {"loss": {"use": "push", "keep": "sum"}, "backbone": {"use": "linear", "batch_norm": True, "dropout": 0.5}}


def step_rows(run: Path) -> list[dict[str, Any]]:
    """Without times."""
    found = [row for row in rows(run) if row["kind"] == "step"]
    return [{name: value for name, value in row.items() if name not in TIME_FIELDS} for row in found]


def same_state(one: Path, other: Path) -> list[str]:
    """Where two runs' last checkpoints differ."""
    states = [{k: v for k, v in state(run).items() if k not in ("metrics_bytes", "run_id")} for run in (one, other)]
    return differences(*states)


def test_a_row_holds_the_means_of_the_steps_that_it_covers_and_the_steps_are_the_same(tmp_path: Path) -> None:
    clipped = "train.clip_gradient_norm=1.0"
    each = probe(tmp_path, KEEPING, TWELVE, clipped, name="each")
    some = probe(tmp_path, KEEPING, TWELVE, clipped, "train.log_every=5", name="some")
    assert same_state(each, some) == []
    found, single = step_rows(some), step_rows(each)
    assert [(row["step"], row["steps"]) for row in found] == [(5, 5), (10, 5), (12, 2)]
    assert [row.get("steps") for row in single] == [None] * 12
    for row in found:
        covered = single[row["step"] - row["steps"] : row["step"]]
        for name in ("loss", "gradient_norm"):
            assert row[name] == pytest.approx(sum(one[name] for one in covered) / len(covered), rel=1e-15)
        assert row["diagnostics"]["calls"] == row["step"] - (row["steps"] - 1) / 2
        assert row["learning_rate"] == covered[-1]["learning_rate"]
    # the epoch's mean is over its steps, not over its rows
    assert column(each, "loss", "epoch") == column(some, "loss", "epoch")
    # observers see the last batch
    seen = {row["step"]: row for run in (each, some) for row in rows(run, "journal.jsonl") if row["event"] == "step"}
    last = [row for row in rows(some, "journal.jsonl") if row["event"] == "step"]
    assert [row["step"] for row in last] == [5, 10, 12]
    assert all(row["embeddings"] == seen[row["step"]]["embeddings"] for row in last)
    every = [row for row in rows(each, "journal.jsonl") if row["event"] == "step"]
    assert last[0]["embeddings"] == every[4]["embeddings"] != every[3]["embeddings"]


@pytest.mark.parametrize(
    ("settings", "due"),
    [
        (("train.log_every=10",), [10, 12, 20, 24]),
        (("train.log_every=100",), [12, 24]),
        (("train.log_every=100", "train.checkpoint_every=7"), [7, 12, 14, 21, 24]),
        (("train.log_every=100", "train.accumulate=5"), [3, 6]),
    ],
)
def test_a_row_is_due_every_so_many_steps_at_checkpoints_and_at_an_epochs_end(
    settings: tuple[str, ...], due: list[int], tmp_path: Path
) -> None:
    plan = probe_plan(tmp_path, {"train": {"epochs": 1, "log_every": Train(1).log_every}}, name="default")
    assert plan.train.log_every == 10
    run = probe(tmp_path, None, TWELVE, "train.epochs=2", *settings)
    assert column(run, "step") == due
    assert [row.get("steps", 1) for row in step_rows(run)] == [b - a for a, b in itertools.pairwise([0, *due])]


def test_a_run_that_goes_on_from_a_checkpoint_has_the_rows_of_an_undisturbed_one(tmp_path: Path) -> None:
    settings = (TWELVE, "train.log_every=5", "train.checkpoint_every=8")
    whole = probe(tmp_path, KEEPING, *settings, "train.epochs=3", name="whole")
    parts = probe(tmp_path, KEEPING, *settings, "train.epochs=1", name="parts")
    resume(parts, discover([PROBES]), {"epochs": 3})
    # the loss's diagnostic is of this process, so it counts from 0 again
    found = [[{**row, "diagnostics": None} for row in step_rows(run)] for run in (whole, parts)]
    assert found[0] == found[1]
    assert same_state(whole, parts) == []


def test_an_observer_may_end_the_run_at_a_row(tmp_path: Path) -> None:
    halt = {"observe": {"halt": {"use": "halt", "at": "on_step", "after": 2}}}
    run = probe(tmp_path, halt, TWELVE, "train.log_every=4")
    assert column(run, "step") == [4, 8]
    assert state(run)["position"]["step"] == 8


def stepped(step: int, steps: int, loss: float = 1.0, **said: float) -> Stepped:
    rows = torch.ones(4, 3)
    return Stepped(0, step, loss, 0.1, None, said, rows, torch.arange(4), 1.0, "maskrec/triplet", steps)


@pytest.mark.parametrize("every", [1, 3, 10, 25])
def test_every_means_the_first_row_at_or_after_each_multiple(every: int) -> None:
    events = [stepped(step, 10) for step in range(10, 201, 10)]
    reached = [event.step for event in events if event.reaches(every)]
    assert reached == sorted({-(-multiple // 10) * 10 for multiple in range(every, 201, every)})


def test_counters_of_observers_count_steps() -> None:
    monitor = CollapseMonitor(every=25, patience=2, idle_steps=30)
    stops = [monitor.on_step(stepped(step, 10, loss=1.0)) for step in (10, 20, 30, 40, 50)]
    assert [stop is None for stop in stops] == [True, True, True, True, False]  # checks at 30 and 50
    idle = CollapseMonitor(every=1000, idle_steps=30)
    stops = [idle.on_step(stepped(step, 10, loss=0.0, active_share=0.0)) for step in (10, 20, 30)]
    assert [stop is None for stop in stops] == [True, True, False]


def test_a_loss_curve_weighs_rows_by_their_steps(tmp_path: Path) -> None:
    curve = LossCurve(tmp_path)
    for event in (stepped(10, 10, 1.0), stepped(14, 4, 2.0), stepped(20, 6, 5.0)):
        curve.on_step(event)
    assert curve.points == [(10, 1.0), (20, pytest.approx((4 * 2.0 + 6 * 5.0) / 10))]


def test_numbers_of_all_types_are_read_in_their_order() -> None:
    tensors = [torch.tensor(1.5), torch.tensor(2**40), torch.tensor(True), torch.tensor([0.1], dtype=torch.float64)]
    assert read_scalars(tensors) == [1.5, 2.0**40, 1.0, 0.1]
    assert read_scalars([]) == []


@pytest.mark.parametrize(
    ("optimizer", "reads"),
    [
        ({"use": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True}, 0),
        ({"use": "sgd", "lr": 0.01}, 0),
        ({"use": "adamw", "lr": 0.01}, 0),
        ({"use": "adagrad", "lr": 0.01}, 0),
        ({"use": "adadelta", "lr": 0.01}, 1),
        ({"use": "sgd", "lr": 0.01, "fused": False}, 1),
        ({"use": "timm/lion", "lr": 0.01}, 1),
    ],
)
def test_between_rows_a_step_reads_nothing_or_one_flag(optimizer: dict[str, Any], reads: int, tmp_path: Path) -> None:
    changes = {
        "backbone": {"use": "linear", "batch_norm": True},
        "loss": {"use": "arcface", "scale": 8.0, "margin": 0.1, "class_weights": "log", "criterion": "focal"},
        "optimizer": optimizer,
        "scheduler": {"use": "cosineannealing", "every": "step", "warmup_steps": 2},
        "transforms": None,
        "train": {"epochs": 1, "workers": 0, "device": "cpu", "ema": 0.9, "clip_gradient_norm": 1.0, "accumulate": 2},
    }
    plan = probe_plan(tmp_path, changes, "data.people=12")
    assembly = assemble(plan, discover([PROBES]), tmp_path)
    stepper = TrainStep(assembly)
    batches = list(load(assembly.dataset, epoch_places(assembly.sampler, 0), workers=0, pin=False))
    counts = OperationCounts()
    stepper.step([stepper.prepare(batch, 0, 0) for batch in batches[:2]], 2)
    with counts:
        stepper.step([stepper.prepare(batch, 0, 1) for batch in batches[2:4]], 2)
    assert counts.host_reads == reads, counts.reads
    assert counts.operations > 20
