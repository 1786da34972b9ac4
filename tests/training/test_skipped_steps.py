"""A step that is not finite changes nothing that is saved, whoever learns of it when."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from probe_runs import PROBES, column, probe, probe_plan, rows, state
from run_comparison import differences
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError
from maskrec.plugin.host import discover
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.training.assemble import assemble
from maskrec.training.checkpoints.checkpoint import networks_state
from maskrec.training.steps.finite_step import Evidence, FiniteGuard, largest_values
from maskrec.training.steps.moving_average import moving_average, update_unless
from maskrec.training.steps.optimizer_step import match_layouts, step_unless, takes_flag
from maskrec.training.steps.saved_buffers import SavedBuffers
from maskrec.training.steps.step_window import ReadStep, StepWindow
from maskrec.training.steps.train_step import TrainStep

NORMED = {"use": "linear", "batch_norm": True, "dropout": 0.5}
FAULTS: dict[str, dict[str, Any]] = {
    "loss": {"loss": {"use": "push", "spoil": "loss"}, "backbone": NORMED},
    "gradient": {"loss": {"use": "push", "spoil": "gradient"}, "backbone": NORMED},
    "first step": {"loss": {"use": "push", "spoil": "loss", "at": 1}, "backbone": NORMED},
    "buffer": {"backbone": {"use": "overflowing"}},
    "sum": {"loss": {"use": "push", "spoil": "loss", "keep": "sum"}},
    "new sum": {"loss": {"use": "push", "spoil": "loss", "keep": "new sum"}},
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"use": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.1},
    "sgd, not fused": {"use": "sgd", "lr": 0.01, "momentum": 0.9, "fused": False},
    "adamw": {"use": "adamw", "lr": 0.01},
    "adagrad": {"use": "adagrad", "lr": 0.01},
    "adadelta": {"use": "adadelta", "lr": 0.5},
    "timm": {"use": "timm/lamb", "lr": 0.01},
}


# Each fault with one optimizer, each optimizer with one fault at the first step and with one later.
QUICK = [(fault, name) for fault in FAULTS for name in OPTIMIZERS if name == "sgd" or fault in ("first step", "loss")]
SLOW = [
    pytest.param(fault, name, marks=pytest.mark.slow)
    for fault in FAULTS
    for name in OPTIMIZERS
    if (fault, name) not in QUICK
]


def saved(stepper: TrainStep) -> dict[str, Any]:
    """What a checkpoint would hold, without what the host counts."""
    found = copy.deepcopy(networks_state(stepper))
    return {name: value for name, value in found.items() if name not in ("random", "schedule", "skipped")}


def step_rows(run: Path) -> list[dict[str, Any]]:
    """The run's rows of steps."""
    return [row for row in rows(run) if row["kind"] == "step"]


def steps(tmp_path: Path, changes: dict[str, Any], *overrides: str) -> Iterator[tuple[TrainStep, ReadStep]]:
    """Step after step of a recipe, each read at once."""
    plan = probe_plan(tmp_path, changes, "train.ema=0.5", "data.people=12", *overrides)
    assembly = assemble(plan, discover([PROBES]), tmp_path)
    stepper = TrainStep(assembly)
    places = epoch_places(assembly.sampler, 0)
    for number, batch in enumerate(load(assembly.dataset, places, workers=0, pin=False)):
        window = StepWindow()
        window.add(stepper.step([stepper.prepare(batch, 0, number)]), 1, len(batch.labels))
        yield stepper, window.read()[0]


@pytest.mark.parametrize(("fault", "optimizer"), [*QUICK, *SLOW])
def test_a_step_that_is_skipped_leaves_every_bit_as_it_was(fault: str, optimizer: str, tmp_path: Path) -> None:
    changes = {**FAULTS[fault], "transforms": None, "optimizer": OPTIMIZERS[optimizer]}
    before: dict[str, Any] | None = None
    skipped = []
    for number, (stepper, step) in enumerate(steps(tmp_path, changes, "train.max_skipped=6"), start=1):
        now = saved(stepper)
        if step.skipped:
            skipped.append(number)
            assert step.not_finite
            assert not step.ended
            without = {name: value for name, value in now.items() if name != "optimizer"}
            if before is None:  # the first step: nothing has been begun
                assert now["optimizer"]["state"] == {} or optimizer == "adagrad"
                assert all(bool(each.isfinite().all()) for each in now["backbone"].values())
            else:
                assert differences(without | {"optimizer": now["optimizer"]["state"]}, before) == []
        elif before is not None:
            assert differences(now["backbone"], before["backbone"]) != []
        before = {name: value for name, value in now.items() if name != "optimizer"}
        before["optimizer"] = now["optimizer"]["state"]
    assert skipped == {"first step": [1], "buffer": [3, 4, 5, 6]}.get(fault, [3])


@pytest.mark.parametrize(
    ("log_every", "optimizer"),
    [
        *((1, "sgd"), (2, "adamw"), (10, "adadelta"), (10, "sgd")),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in ((1, "adamw"), (1, "adadelta"), (2, "sgd"), (2, "adadelta"), (10, "adamw"))
        ),
    ],
)
def test_a_run_that_learns_of_it_later_ends_in_the_state_of_the_step_before(
    log_every: int, optimizer: str, tmp_path: Path
) -> None:
    """Steps that follow before the row is due must change nothing either: weights, random numbers, schedule."""
    parts = {
        "backbone": NORMED,
        "optimizer": OPTIMIZERS[optimizer],
        "scheduler": {"use": "cosineannealing", "every": "step", "warmup_steps": 2},
    }
    spoiled = {**parts, "loss": {"use": "push", "spoil": "gradient", "at": 4, "keep": "sum"}}
    settings = ("data.people=12", "train.ema=0.5")
    with pytest.raises(MaskrecError, match=r"step 4 \(batch 4 of epoch 1, loss .* ends after step 3"):
        probe(tmp_path, spoiled, *settings, f"train.log_every={log_every}")
    halt = {"observe": {"halt": {"use": "halt", "at": "on_step", "after": 3}}}
    probe(tmp_path, {**parts, **halt, "loss": {"use": "push", "keep": "sum"}}, *settings, name="halted")
    ended, halted = state(tmp_path / "run"), state(tmp_path / "halted")
    for name in ("backbone", "loss", "optimizer", "ema", "random", "schedule"):
        assert differences(ended[name], halted[name]) == [], name
    assert (ended["position"]["step"], ended["position"]["batches"]) == (3, 3)
    assert column(tmp_path / "run", "step") == {1: [1, 2, 3], 2: [2, 3], 10: [3]}[log_every]


def test_a_run_may_skip_as_many_steps_as_the_recipe_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"loss": {"use": "push", "spoil": "loss"}}
    run = probe(tmp_path, changes, "data.people=12", "train.max_skipped=1", "train.log_every=10")
    (row,) = step_rows(run)
    assert (row["step"], row["steps"], row["skipped"]) == (6, 6, 1)
    assert "the loss is not finite at step 3 (batch 3 of epoch 1, loss -inf)" in capsys.readouterr().out
    saved = state(run)
    assert (saved["position"]["step"], saved["skipped"]) == (6, 1)
    assert column(run, "loss", "epoch") == [row["loss"]]  # the mean over five steps
    buffer = {"backbone": {"use": "overflowing"}}
    with pytest.raises(MaskrecError, match=r"running_var is not finite at step 5 .* ends after step 4"):
        probe(tmp_path, buffer, "data.people=12", "train.max_skipped=2", "train.log_every=4", name="often")
    assert state(tmp_path / "often")["position"]["step"] == 4
    assert state(tmp_path / "often")["skipped"] == 2


def test_a_row_of_skipped_steps_only_is_left_to_the_next_one(tmp_path: Path) -> None:
    changes = {"loss": {"use": "push", "spoil": "loss"}}
    run = probe(tmp_path, changes, "data.people=12", "train.max_skipped=1")
    found = step_rows(run)
    assert [(row["step"], row.get("steps", 1), row.get("skipped", 0)) for row in found] == [
        *((step, 1, 0) for step in (1, 2)),
        (4, 2, 1),
        *((step, 1, 0) for step in (5, 6)),
    ]


@pytest.mark.parametrize("spoiled", [5, 6])
def test_a_batch_among_others_of_its_step_spoils_the_step(spoiled: int, tmp_path: Path) -> None:
    changes = {"loss": {"use": "push", "spoil": "loss", "at": spoiled}, "backbone": NORMED}
    with pytest.raises(MaskrecError, match=r"step 3 \(batches 5 to 6 of epoch 1, .* ends after step 2"):
        probe(tmp_path, changes, "data.people=12", "train.accumulate=2", "train.log_every=10")
    assert state(tmp_path / "run")["position"]["batches"] == 4


def test_a_weight_whose_gradient_comes_late_is_moved_as_by_an_optimizer_that_is_not_fused() -> None:
    ends = []
    for fused in (True, None):
        torch.manual_seed(0)
        weights = [nn.Parameter(torch.randn(3)) for _ in range(2)]
        optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True, fused=fused)
        for number in range(4):
            weights[0].grad = torch.full((3,), float(number))
            weights[1].grad = torch.ones(3) if number >= 2 else None
            step_unless(optimizer, torch.tensor(number == 2))
        ends.append([weight.detach() for weight in weights])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_a_restored_state_lies_in_memory_as_its_weight_does() -> None:
    """A file's tensors are in the usual order, and fused kernels go through memory without asking."""
    weights, optimizers = [], []
    for fused in (True, None):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last))
        optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, fused=fused)
        momentum = torch.randn(4, 3, 2, 2)
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": {0: {"momentum_buffer": momentum}}, "param_groups": groups})
        match_layouts(optimizer)
        weight.grad = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
        step_unless(optimizer, torch.tensor(False))
        weights.append(weight.detach())
        optimizers.append(optimizer.state[weight]["momentum_buffer"])
    assert optimizers[0].stride() == weights[0].stride()
    assert torch.allclose(*weights, rtol=0, atol=1e-6)


def test_settings_of_a_checkpoint_decide_whether_the_flag_is_taken() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.1, fused=True)
    assert takes_flag(optimizer)
    optimizer.load_state_dict(torch.optim.SGD([weight], lr=0.1).state_dict())
    assert not takes_flag(optimizer)
    assert not takes_flag(torch.optim.Adadelta([weight]))


@pytest.mark.parametrize("skipped", [False, True])
def test_the_average_moves_as_timms_does_unless_the_step_is_skipped(skipped: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    averages = [moving_average(network, 0.75) for _ in range(2)]
    before = copy.deepcopy(averages[0].module.state_dict())
    with torch.no_grad():
        for weight in network.parameters():
            weight += torch.randn_like(weight)
        network[1].running_mean += 1  # type: ignore[union-attr,operator]
    update_unless(averages[0], network, torch.tensor(skipped))
    averages[1].update(network)
    expected = before if skipped else averages[1].module.state_dict()
    for name, value in averages[0].module.state_dict().items():
        assert torch.allclose(value, expected[name], rtol=0, atol=0 if skipped else 1e-6), name


def test_buffers_of_every_kind_come_back() -> None:
    class Kinds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("real", torch.rand(2, 3))
            self.register_buffer("whole", torch.arange(3))
            self.register_buffer("empty", torch.zeros(0))
            self.register_buffer("wide", torch.zeros(1).expand(4))
            self.register_buffer("by_pixel", torch.rand(1, 2, 3, 3).contiguous(memory_format=torch.channels_last))
            self.register_buffer("unsaved", torch.zeros(2), persistent=False)

    module = Kinds()
    buffers = SavedBuffers({"module": module})
    assert set(buffers.floating()) == {"module.real", "module.wide", "module.by_pixel"}
    before = copy.deepcopy(module.state_dict())
    for skipped in (False, True, False):
        buffers.keep()
        for name in ("real", "whole", "by_pixel"):
            getattr(module, name).add_(1)
        changed = copy.deepcopy(module.state_dict())
        buffers.put_back(torch.tensor(skipped))
        before = before if skipped else changed
        assert differences(dict(module.state_dict()), dict(before)) == []


@pytest.mark.parametrize("most", [0, 1])
@pytest.mark.parametrize("scale", [None, 1.0, 2.0])
def test_a_verdict_is_what_its_numbers_say(most: int, scale: float | None) -> None:
    bad, guard, counted, ended = (math.nan, math.inf, -math.inf), FiniteGuard(most, torch.device("cpu")), 0, False
    fine = ((1.0, -2.0), 3.0, 4.0, 5.0)  # losses, largest buffer, largest gradient, norm
    faults = [((1.0, each), 3.0, 4.0, 5.0) for each in bad] + [((1.0, -2.0), math.inf, 4.0, 5.0)]
    faults += [((1.0, -2.0), 3.0, math.nan, 5.0), ((1.0, -2.0), 3.0, 4.0, math.inf), ((1e300, 1e300), 3.0, 4.0, 5.0)]
    for losses, buffer, gradient, norm in (fine, faults[-1], *faults[4:6], fine, *faults, fine):
        evidence = Evidence(torch.tensor([gradient]).double(), torch.tensor([buffer]).double(), (), ())
        factor = None if scale is None else torch.tensor(scale)
        loss, verdict = guard.judge(
            torch.tensor(losses, dtype=torch.float64).unbind(), torch.tensor(norm), evidence, factor
        )
        assert str(float(loss)) == str(losses[0] / 2 + losses[1] / 2)
        wrong = not all(map(math.isfinite, (*losses, buffer, gradient, norm)))
        only_scale = all(map(math.isfinite, (*losses, buffer))) and scale == 2.0
        counts = wrong and not only_scale and not ended
        counted += counts
        ended = ended or counted > most
        found = (bool(each) for each in (verdict.skipped, verdict.not_finite, verdict.ended))
        assert tuple(found) == (wrong or ended, counts, ended)
    assert ended


def test_the_largest_value_of_each_tensor_shows_what_is_not_finite() -> None:
    tensors = [torch.tensor([-3.0, 2.0]), torch.tensor([1.0, float("nan")]), torch.tensor([float("-inf")]).double()]
    found: Tensor = largest_values(tensors)
    assert found.dtype == torch.float64
    assert found[0] == 3
    assert found.isfinite().tolist() == [True, False, False]
    assert len(largest_values([])) == 0
