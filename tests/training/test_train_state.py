"""The state of a run is one object: made, updated, saved and restored; the loop keeps no other state."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from run_comparison import read_rows
from small_recipe import PIECES, write_recipe

import maskrec.training
from maskrec.base.errors import MaskrecError
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.events import Stepped, Stop
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Best
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.state_tree import load_tree, save_tree
from maskrec.training.assemble import assemble
from maskrec.training.checkpoints.train_state import BestEpoch, Position, TrainState
from maskrec.training.records.display import Display
from maskrec.training.records.observing import Observers
from maskrec.training.records.recording import Recorder
from maskrec.training.records.run_log import RunLog
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.trainer import Trainer
from maskrec.training.worker_choice import WorkerChoice

ACCURACY = Best("held_out.accuracy", "max")
numbers = st.integers(0, 10**6)
positions = st.builds(
    Position,
    epoch=numbers,
    batches=numbers,
    step=numbers,
    loss_sum=st.floats(0, 1e9),
    loss_steps=numbers,
    stopped=st.none() | st.just("enough"),
)
states = st.builds(
    TrainState,
    position=positions,
    sampler=st.none() | st.fixed_dictionaries({"drawn": numbers}),
    evaluations=st.just({"held_out": {"metrics": {"accuracy": 0.5}, "thresholds": {}, "tables": {}}}),
    best=st.builds(BestEpoch, epoch=st.none() | numbers, value=st.none() | st.floats(-1, 1)),
)


@given(state=states)
def test_a_state_comes_back_from_its_checkpoint(state: TrainState, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("state") / "last.safetensors"
    save_tree({**state.state_dict(), "evaluations": state.evaluations}, path)
    assert TrainState.from_checkpoint(load_tree(path)) == state


def test_every_field_of_the_state_is_in_a_runs_checkpoint(train: Callable[..., Path]) -> None:
    saved = load_tree(train("run") / "checkpoints" / "last.safetensors")
    assert {field.name for field in dataclasses.fields(TrainState)} <= saved.keys()
    state = TrainState.from_checkpoint(saved)
    assert (state.position, state.best.epoch, list(state.evaluations)) == (Position(2, 0, 6), 1, ["held_out"])


def test_steps_and_epochs_are_counted() -> None:
    position = Position()
    assert position.mean_loss == 0
    for batches, loss in ((2, 3.0), (1, 6.0)):
        position.step_ended(batches, loss)
    assert position == Position(epoch=0, batches=3, step=2, loss_sum=9.0, loss_steps=2)
    assert position.mean_loss == 4.5
    position.epoch_ended()
    assert position == Position(epoch=1, step=2)


def evaluation(value: float) -> dict[str, Evaluation]:
    return {"held_out": Evaluation({"accuracy": value}, {}, {})}


@pytest.mark.parametrize(("best", "values", "kept"), [(ACCURACY, [0.5, 0.7, 0.7, 0.6], 1), (None, [0.5, 0.7, 0.6], 2)])
def test_the_best_epoch_is_kept_and_without_a_metric_the_last(
    best: Best | None, values: list[float], kept: int
) -> None:
    state = TrainState()
    for epoch, value in enumerate(values):
        state.position.epoch = epoch
        assert state.note_evaluation(best, evaluation(value)) == (state.best.epoch == epoch)
    assert state.best == BestEpoch(kept, values[kept] if best else None)
    assert state.evaluations["held_out"]["metrics"] == {"accuracy": values[kept]}


class Watcher:
    """An observer that notes the steps it sees and may end the run."""

    def __init__(self, stop: Stop | None = None) -> None:
        self.seen: list[int] = []
        self.stop = stop

    def on_step(self, event: Stepped) -> Stop | None:
        """Note it."""
        self.seen.append(event.step)
        return self.stop


def stepped(loss: float) -> Stepped:
    return Stepped(0, 1, loss, 0.1, None, {"part": 2.0}, torch.zeros(2, 3), torch.zeros(2), 12.34, "maskrec/arcface")


def log(folder: Path, watcher: Watcher) -> RunLog:
    observers = Observers({"watcher": watcher}, print)  # type: ignore[dict-item]
    return RunLog(Recorder(folder / "metrics.jsonl", 0), observers, Display(1, 1, 0), folder, folder)


def test_a_step_is_recorded_and_shown_to_the_observers(tmp_path: Path) -> None:
    stop = Stop("enough")
    watcher = Watcher(stop)
    assert log(tmp_path, watcher).stepped(stepped(1.5)) is stop
    (row,) = read_rows(tmp_path / "metrics.jsonl")
    row.pop("time")
    assert row == {
        "kind": "step",
        "epoch": 1,
        "step": 1,
        "loss": 1.5,
        "learning_rate": 0.1,
        "gradient_norm": None,
        "diagnostics": {"part": 2.0},
        "images_per_second": 12.3,
    }
    assert watcher.seen == [1]


@pytest.mark.parametrize(
    ("stop", "words"),
    [(None, "maskrec/arcface: the loss is not finite at step 1"), (Stop("too steep"), "too steep")],
)
def test_a_step_that_is_not_finite_is_shown_to_the_observers_and_not_recorded(
    stop: Stop | None, words: str, tmp_path: Path
) -> None:
    watcher = Watcher(stop)
    with pytest.raises(MaskrecError, match=words):
        log(tmp_path, watcher).failed(stepped(float("nan")), "the loss", "batch 1 of epoch 1")
    assert watcher.seen == [1]
    assert read_rows(tmp_path / "metrics.jsonl") == []


def test_a_trainer_can_be_made_at_any_state_and_nothing_of_it_is_set_afterwards(tmp_path: Path) -> None:
    """After all epochs it only writes the results: its state is all that it has of them."""
    catalog = discover([PIECES])
    plan = resolve(write_recipe(tmp_path, {"evaluate": None}), catalog=catalog, data_root=tmp_path)
    assembly = assemble(plan, catalog, tmp_path)
    run = RunDirectory(tmp_path)
    state = TrainState(Position(epoch=2, step=6, stopped="enough"), best=BestEpoch(None, None))
    stepper = TrainStep(assembly)
    workers = WorkerChoice(plan.train.workers, stepper.compute, print)
    trainer = Trainer(assembly, stepper, run, log(tmp_path, Watcher()), state, workers)
    for field in dataclasses.fields(trainer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(trainer, field.name, None)
    trainer.train()
    trainer.test()
    result: dict[str, Any] = json.loads(run.result.read_text())
    assert (result["steps"], result["stopped"], result["test"]) == (6, "enough", {})
    assert read_rows(tmp_path / "metrics.jsonl") == []


def test_every_file_that_the_room_names_is_there() -> None:
    text = maskrec.training.__doc__ or ""
    named = re.findall(r"``([a-z_/]+\.py)``", text)
    assert len(named) > 15
    room = Path(maskrec.training.__path__[0])
    assert [name for name in named if not (room / name).exists() and not (room.parent / name).exists()] == []
    assert len(re.findall(r"^\d+\. ", text, re.MULTILINE)) == 10
