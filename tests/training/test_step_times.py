"""Where a step's time goes: phases in their order, the bottleneck in words, the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from face_sets import write_face_set
from small_recipe import PIECES, write_recipe

from maskrec.base.processors import usable_processors
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.assemble import assemble
from maskrec.training.step_times import PHASES, WARM_UP, PhaseClock, StepTimes, measure_steps
from maskrec.training.steps.train_step import TrainStep


def times(
    workers: int = 2, load: float = 0.001, images: float = 100, read: float | None = None, **phases: float
) -> StepTimes:
    return StepTimes({**dict.fromkeys(PHASES, 0.0), **phases}, images, load, workers, 5, read)


@pytest.fixture
def stepper(tmp_path: Path) -> TrainStep:
    catalog = discover([PIECES])
    recipe = write_recipe(tmp_path, {"train": {"epochs": 2, "workers": 0, "accumulate": 2}})
    plan = resolve(recipe, catalog=catalog, data_root=tmp_path)
    return TrainStep(assemble(plan, catalog, tmp_path, tmp_path))


def test_each_step_passes_through_all_phases_in_their_order(
    stepper: TrainStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[str] = []
    begin = PhaseClock.begin

    def noted(clock: PhaseClock, phase: str) -> None:
        marks.append(phase)
        begin(clock, phase)

    monkeypatch.setattr(PhaseClock, "begin", noted)
    found = measure_steps(stepper, 2)
    passes = ["forward", "head", "backward"]
    one = ["copy", "transform", "loop", *passes, "loop", "optimizer", "loop", "wait"]
    # Waiting begins before the first step, and anew after the warm-up.
    assert marks == ["wait", *one * WARM_UP, "wait", *one * 2, "loop"]
    assert list(found.phases) == list(PHASES)
    assert min(found.phases.values()) >= 0
    assert (found.images, found.steps, found.workers) == (32, 2, 0)  # two batches of 16 a step
    assert found.load > 0


def test_nothing_measures_a_step_after_the_clock_is_closed(stepper: TrainStep) -> None:
    hooked = (stepper.network, stepper.loss)
    before = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in hooked]
    PhaseClock(stepper).close()
    assert [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in hooked] == before
    assert not stepper.optimizer._optimizer_step_pre_hooks
    assert not stepper.optimizer._optimizer_step_post_hooks
    assert "backward" not in vars(stepper)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (times(wait=0.05, forward=0.05, load=0.002), "waits 50% of its time for images; set train.workers=4 (it is 2)"),
        (times(wait=0.05, forward=0.05, load=0.1), "set train.workers=8 (it is 2)"),
        (times(wait=0.05, forward=0.05, load=0.1, workers=8), "pack the faces (maskrec data pack), use a smaller"),
        (times(wait=0.05, forward=0.05, load=0.1, workers=8, read=0.04), "pack the faces (maskrec data pack), use"),
        (times(wait=0.05, forward=0.05, load=0.1, workers=8, read=0.06), "reading is 60% of it: pack the faces"),
        (times(wait=0.005, forward=0.3, backward=0.6), "the network: forward and backward passes take 99% of a step"),
        (times(transform=0.6, forward=0.4), "the transforms: 60% of a step"),
        (times(head=0.6, forward=0.4), "the loss: 60% of a step"),
        (times(copy=0.6, forward=0.4), "the copy to the device: 60% of a step"),
        (times(optimizer=0.6, forward=0.4), "the optimizer's update: 60% of a step"),
        (times(loop=0.6, forward=0.4), "the training loop's own work: 60% of a step; use a larger batch"),
    ],
)
def test_the_bottleneck_is_named_with_what_to_change(found: StepTimes, said: str) -> None:
    assert said in found.bottleneck(processors=8)


def test_the_command(maskrec_cli, maskrec_here, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    words = ["profile", recipe, "--plugin", PIECES, "--steps", 2, "--trace", tmp_path / "trace.json"]
    done = maskrec_cli(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:12]] == ["PHASE", "load", *PHASES, "step"]
    assert "the bottleneck is" in lines[-2]
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    assert any("Optimizer.step" in str(event.get("name")) for event in events)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.yaml", "trace.json"]

    again = maskrec_here(*words)
    assert again.returncode == 2
    assert "trace.json exists; name a new file or remove it" in again.stderr


def test_as_many_threads_as_the_recipe_says(maskrec_here, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        words = ("profile", write_recipe(tmp_path), "--plugin", PIECES, "--steps", 1, f"train.threads={before + 1}")
        done = maskrec_here(*words)
        assert (done.returncode, torch.get_num_threads()) == (0, before + 1)
    finally:
        torch.set_num_threads(before)


def test_reading_is_told_from_decoding_where_the_data_set_can(maskrec_cli, tmp_path: Path) -> None:
    write_face_set(tmp_path, people=6)
    recipe = write_recipe(tmp_path, {"data": {"use": "image_csv", "path": "faces.csv"}, "evaluate": None})
    words = ("profile", recipe, "--plugin", PIECES, "--steps", 1, "--data-root", tmp_path, "train.workers=auto")
    done = maskrec_cli(*words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["PHASE", "read", "decode", "wait"]
    assert all(line.endswith("one loader process") and float(line.split()[1]) >= 0 for line in lines[2:4])
    assert f"train.workers is auto ({min(2, usable_processors())} in this measurement)" in done.stdout


def test_a_trace_in_a_folder_that_does_not_exist_is_refused_first(maskrec_here, tmp_path: Path) -> None:
    done = maskrec_here("profile", write_recipe(tmp_path), "--trace", tmp_path / "none" / "trace.json")
    assert done.returncode == 2
    assert "is not a folder; make it first" in done.stderr
