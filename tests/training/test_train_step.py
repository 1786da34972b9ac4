"""What one optimizer step does with each setting: one row per setting, and what must differ with and without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probe_runs import PROBES, column, probe, probe_plan, rows, state

from maskrec.base.errors import MaskrecError
from maskrec.plugin.host import discover
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.training.assemble import assemble
from maskrec.training.steps.step_window import StepWindow
from maskrec.training.steps.train_step import TrainStep


def moved(run: Path, before: Path) -> dict[str, float]:
    """The largest change of each weight's coordinates, from the same weights trained with a rate of zero."""
    here, there = ({**state(each)["backbone"], **state(each)["loss"]} for each in (run, before))
    return {name: float((here[name].double() - there[name].double()).abs().max()) for name in here}


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """A run that trains nothing: the weights as they were built."""
    return probe(tmp_path, None, "optimizer.lr=0.0", name="still")


def first_gradients(still: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of the matrix, its bias and the loss's direction at the first step, by hand from the journal."""
    step = next(row for row in rows(still, "journal.jsonl") if row["event"] == "step")
    batch = rows(still, "batches.jsonl")[0]["indices"]
    pictures = np.stack([np.random.default_rng(i).integers(0, 256, (3, 8, 8), np.uint8) for i in batch]) / 255
    mean, std = np.array([0.1, 0.2, 0.3])[:, None, None], np.array([0.5, 0.4, 0.3])[:, None, None]
    direction = state(still)["loss"]["direction"].double().numpy()
    pixels = ((pictures - mean) / std).reshape(len(batch), -1).mean(0)
    return direction.T * pixels, direction[0], np.mean(step["embeddings"], 0)


def test_a_step_of_plain_gradient_descent_is_what_the_formula_says(still: Path, tmp_path: Path) -> None:
    """One step only, so that everything below stands on a known gradient."""
    run = probe(tmp_path, {"sampler": {"use": "shuffled", "batch_size": 8}}, "data.people=2", name="one")
    twin = probe(tmp_path, None, "data.people=2", "optimizer.lr=0.0", name="twin")
    matrix, bias, direction = first_gradients(twin)
    assert column(run, "step") == [1]
    for name, gradient in (("matrix.weight", matrix), ("matrix.bias", bias)):
        change = (state(run)["backbone"][name] - state(twin)["backbone"][name]).double().numpy()
        assert np.abs(change + 0.01 * gradient).max() < 1e-6
    change = (state(run)["loss"]["direction"] - state(twin)["loss"]["direction"]).double().numpy()
    assert np.abs(change + 0.01 * direction).max() < 1e-6


def test_clipping_shortens_the_step_and_reports_the_norm_before_it(still: Path, tmp_path: Path) -> None:
    norm = float(np.sqrt(sum((gradient**2).sum() for gradient in first_gradients(still))))
    clipped = probe(tmp_path, None, "train.clip_gradient_norm=0.001", name="clipped")
    wide = probe(tmp_path, None, f"train.clip_gradient_norm={100 * norm}", name="wide")
    free = probe(tmp_path, None, name="free")
    assert column(clipped, "gradient_norm")[0] == pytest.approx(norm, rel=1e-5)
    assert column(wide, "gradient_norm")[0] == pytest.approx(norm, rel=1e-5)
    assert column(free, "gradient_norm") == [None] * 3
    assert moved(wide, free) == dict.fromkeys(moved(wide, free), 0.0)
    # three steps of length 0.01 * 0.001 at most, all parameters together
    whole = sum(
        float((here.double() - there.double()).square().sum())
        for side in ("backbone", "loss")
        for here, there in zip(state(clipped)[side].values(), state(still)[side].values(), strict=True)
    )
    assert 0.9 * 0.00003 < np.sqrt(whole) < 1.001 * 0.00003


def test_bfloat16_is_what_the_network_computes_in_and_float32_what_its_weights_stay(tmp_path: Path) -> None:
    runs = {name: probe(tmp_path, None, f"train.precision={name}", name=name) for name in ("bfloat16", "float32")}
    seen = {
        name: torch.tensor([row["embeddings"] for row in rows(run, "journal.jsonl") if row["event"] == "step"])
        for name, run in runs.items()
    }
    assert torch.equal(seen["bfloat16"], seen["bfloat16"].bfloat16().float())
    assert not torch.equal(seen["float32"], seen["float32"].bfloat16().float())
    assert {tensor.dtype for tensor in state(runs["bfloat16"])["backbone"].values()} == {torch.float32}
    assert max(moved(runs["bfloat16"], runs["float32"]).values()) > 0


@pytest.mark.parametrize(
    ("standing", "still_there", "going"),
    [
        ("loss", {"direction"}, {"matrix.weight", "matrix.bias"}),
        ("backbone", {"matrix.weight", "matrix.bias"}, {"direction"}),
    ],
)
def test_a_group_with_a_rate_of_zero_stands_still(
    standing: str, still_there: set[str], going: set[str], still: Path, tmp_path: Path
) -> None:
    own = probe(tmp_path, {"optimizer": {"use": "sgd", "lr": 0.01, "groups": {standing: {"lr": 0.0}}}}, name="own")
    change = moved(own, still)
    assert {name for name, far in change.items() if far == 0} == still_there
    assert {name for name, far in change.items() if far > 1e-3} == going
    names = [group["name"] for group in state(own)["optimizer"]["param_groups"]]
    assert names == ["backbone", "backbone, not decayed", "loss"]


def test_a_group_with_ten_times_the_rate_goes_ten_times_as_far(still: Path, tmp_path: Path) -> None:
    """With a backbone that stands still the loss's gradients are the same whatever its weights are."""
    far = {}
    for rate in (0.01, 0.1):
        groups = {"backbone": {"lr": 0.0}, "loss": {"lr": rate}}
        run = probe(tmp_path, {"optimizer": {"use": "sgd", "lr": 0.5, "groups": groups}}, name=f"rate{rate}")
        far[rate] = moved(run, still)["direction"]
        assert column(run, "learning_rate") == [0.0] * 3  # of the first group, which is the backbone's
    assert far[0.1] == pytest.approx(10 * far[0.01], rel=1e-4)


@pytest.mark.parametrize(("said", "shrinks"), [(False, {"matrix.weight", "direction"}), (True, {"matrix.bias"})])
def test_vectors_are_decayed_only_when_the_recipe_says_so(said: bool, shrinks: set[str], tmp_path: Path) -> None:
    """With a loss of strength 0 nothing but weight decay moves a weight."""
    none, decayed = (
        probe(
            tmp_path,
            {"optimizer": {"use": "sgd", "lr": 0.01, "weight_decay": decay, "decay_norm_and_bias": said}},
            "loss.strength=0.0",
            name=f"decay{decay}",
        )
        for decay in (0.0, 0.5)
    )
    change = moved(decayed, none)
    assert {name for name, far in change.items() if far > 0} == {"matrix.weight", "direction"} | shrinks


@pytest.mark.parametrize(("spoil", "clip"), [("loss", None), ("loss", 1.0), ("gradient", None), ("gradient", 1.0)])
def test_a_step_that_is_not_finite_moves_no_weight(spoil: str, clip: float | None, tmp_path: Path) -> None:
    changes = {"loss": {"use": "push", "spoil": spoil}, "scheduler": {"use": "step", "step_size": 1, "every": "step"}}
    plan = probe_plan(
        tmp_path, changes, f"train.clip_gradient_norm={'null' if clip is None else clip}", "train.ema=0.5"
    )
    (tmp_path / "run").mkdir()
    assembly = assemble(plan, discover([PROBES]), tmp_path, tmp_path / "run")
    stepper = TrainStep(assembly)
    batches = load(assembly.dataset, epoch_places(assembly.sampler, 0), workers=0, pin=False)
    finite, kept, rates = [], [], []
    for number, batch in enumerate(batches):
        window = StepWindow()
        window.add(stepper.step([stepper.prepare(batch, 0, number)]), 1, len(batch.labels))
        (step,) = window.read()
        if step.ended:
            step.rewind()
        finite.append(not step.skipped)
        rates.append(step.learning_rate)
        everything = [*stepper.backbone.parameters(), *stepper.loss.parameters(), *stepper.evaluated.parameters()]
        kept.append([weight.detach().clone() for weight in everything])
    assert finite == [True, True, False]
    assert all(torch.equal(a, b) for a, b in zip(kept[1], kept[2], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(kept[0], kept[1], strict=True))
    # the schedule does not advance either
    assert rates == pytest.approx([0.01, 0.001, 0.0001])
    assert stepper.optimizer.param_groups[0]["lr"] == pytest.approx(0.0001)


@pytest.mark.parametrize(
    ("spoil", "clip", "named"),
    [
        ("loss", "null", "the loss"),
        ("gradient", "1.0", "the gradient of backbone.matrix.weight"),
        ("gradient", "null", "the gradient of backbone.matrix.weight"),
    ],
)
def test_a_run_ends_at_the_step_before_the_one_that_is_not_finite(
    spoil: str, clip: str, named: str, tmp_path: Path
) -> None:
    """The step is named, nothing that is not finite is kept, and the checkpoint is that of the step before it."""
    parts = {"backbone": {"use": "linear", "batch_norm": True, "dropout": 0.5}}
    with pytest.raises(MaskrecError, match=rf"push: {named} is not finite at step 3 .* ends after step 2"):
        probe(tmp_path, {"loss": {"use": "push", "spoil": spoil}, **parts}, f"train.clip_gradient_norm={clip}")
    run = tmp_path / "run"
    assert column(run, "step") == [1, 2]
    saved = state(run)
    assert (saved["position"]["step"], saved["position"]["batches"]) == (2, 2)
    tensors = {**saved["backbone"], **saved["loss"]}
    assert all(bool(tensor.isfinite().all()) for tensor in tensors.values() if tensor.is_floating_point())
    # exactly the state of a run that stops after two steps: buffers and random numbers of the third step are undone
    halt = {"observe": {"halt": {"use": "halt", "at": "on_step", "after": 2}}}
    clipped = f"train.clip_gradient_norm={clip}"
    whole = state(probe(tmp_path, {**parts, **halt, "loss": {"use": "push"}}, clipped, name="halted"))
    expected = {**whole["backbone"], **whole["loss"]}
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())
    assert torch.equal(saved["random"][0]["torch"], whole["random"][0]["torch"])


def test_a_statistic_that_is_not_finite_ends_the_run_too(tmp_path: Path) -> None:
    """Loss and gradient are finite: batch norm divides by the infinite variance that it keeps."""
    changes = {"backbone": {"use": "overflowing"}}
    with pytest.raises(MaskrecError, match=r"the buffer backbone\.norm\.running_var is not finite at step 3 "):
        probe(tmp_path, changes)
    saved = state(tmp_path / "run")
    assert saved["position"]["step"] == 2
    assert bool(saved["backbone"]["norm.running_var"].isfinite().all())


def test_the_last_step_of_an_epoch_is_made_of_what_is_left(tmp_path: Path) -> None:
    """Three batches in steps of two: two steps, the second of one batch, as if it were a step of its own."""
    run = probe(tmp_path, None, "train.accumulate=2", "train.epochs=2")
    assert column(run, "step") == [1, 2, 3, 4]
    assert [row["step"] for row in rows(run, "batches.jsonl")] == [0, 0, 1, 2, 2, 3]
    start = rows(run, "journal.jsonl")[0]
    assert (start["epochs"], start["steps_per_epoch"]) == (2, 2)
