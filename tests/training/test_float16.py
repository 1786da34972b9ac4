"""float16: losses are scaled so that small gradients survive, and the scale goes with the checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from probe_runs import PROBES, column, probe, rows, state
from run_comparison import differences, rows_without_times
from torch import nn

from maskrec.base.errors import MaskrecError
from maskrec.plugin.host import discover
from maskrec.runtime import compute
from maskrec.runtime.compute import Compute
from maskrec.training.runner import resume
from maskrec.training.steps.loss_scale import LossScale

HALF = "train.precision=float16"
CPU = torch.device("cpu")


@given(overflows=st.lists(st.booleans(), max_size=30))
def test_the_factor_moves_as_torchs_does(overflows: list[bool]) -> None:
    """Against torch.amp.GradScaler, which finds by itself what is not finite."""
    scale = LossScale(CPU, start=2.0**8, growth_interval=3)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, growth_interval=3)
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for overflow in overflows:
        weight.grad = torch.tensor([float("inf") if overflow else 1.0])
        scaler.scale(torch.ones(()))
        scaler.step(optimizer)
        scaler.update()
        scale.update(torch.tensor(overflow), torch.tensor(False))
        assert float(scale.factor) == max(1.0, scaler.get_scale())
        if scaler.get_scale() < 1:
            return
    state = scaler.state_dict()
    assert scale.state_dict() == {"factor": state["scale"], "steps": state["_growth_tracker"]} or not overflows


def test_nothing_moves_once_the_run_has_ended() -> None:
    scale = LossScale(CPU, growth_interval=1)
    for overflow in (True, False):
        scale.update(torch.tensor(overflow), torch.tensor(True))
    assert scale.state_dict() == {"factor": 2.0**16, "steps": 0}


def test_gradients_are_multiplied_and_divided_by_powers_of_two() -> None:
    scale = LossScale(CPU)
    weight = nn.Parameter(torch.tensor([0.1, 1e-30]))
    scale.multiply((weight * torch.tensor([0.3, 0.7])).sum()).backward()
    assert weight.grad is not None
    scale.divide([weight.grad])
    assert torch.equal(weight.grad, torch.tensor([0.3, 0.7]))


def test_the_network_computes_in_float16_and_its_weights_stay_in_float32(tmp_path: Path) -> None:
    flat = {"loss": {"use": "push", "strength": 2.0**-6}}  # so that no step is skipped
    half, whole = (probe(tmp_path, flat, f"train.precision={name}", name=name) for name in ("float16", "float32"))
    for run, same in ((half, True), (whole, False)):
        seen = torch.tensor([row["embeddings"] for row in rows(run, "journal.jsonl") if row["event"] == "step"])
        assert torch.equal(seen, seen.half().float()) == same
    for name, weight in state(half)["backbone"].items():
        assert weight.dtype == torch.float32
        apart = (weight - state(whole)["backbone"][name]).abs().max()
        assert 0 < float(apart) < 1e-5


def test_a_run_goes_on_with_the_scale_that_it_had(tmp_path: Path) -> None:
    steep = {"loss": {"use": "push", "strength": 64.0}}
    whole = probe(tmp_path, steep, HALF, "train.epochs=4", name="whole")
    parts = probe(tmp_path, steep, HALF, "train.epochs=2", name="parts")
    assert state(parts)["loss_scale"]["factor"] < 2.0**16
    resume(parts, discover([PROBES]), {"epochs": 4})
    states = [{k: v for k, v in state(run).items() if k not in ("metrics_bytes", "run_id")} for run in (whole, parts)]
    assert differences(*states) == []
    without_test = [[row for row in rows_without_times(run) if row["kind"] != "test"] for run in (whole, parts)]
    assert without_test[0] == without_test[1]


def test_an_overflow_is_skipped_and_is_none_of_those_that_a_recipe_allows(tmp_path: Path) -> None:
    """Only the scale makes these gradients too large: ``train.max_skipped`` stays 0 and the run goes on."""
    run = probe(tmp_path, {"loss": {"use": "push", "strength": 64.0}}, HALF, "data.people=24", "train.log_every=12")
    factor = state(run)["loss_scale"]["factor"]
    halvings = 16 - int(torch.tensor(factor).log2())
    assert 0 < halvings < 12
    assert column(run, "skipped") == [halvings]
    assert column(run, "steps") == [12]
    assert state(run)["skipped"] == 0


def test_gradients_that_are_too_large_at_any_scale_end_the_run(tmp_path: Path) -> None:
    steep = {"loss": {"use": "push", "strength": 1e7}}
    with pytest.raises(MaskrecError, match=r"the gradient of backbone\.matrix\.weight is not finite at step 17 "):
        probe(tmp_path, steep, HALF, "train.epochs=6", "train.log_every=5")
    assert state(tmp_path / "run")["loss_scale"]["factor"] == 1.0


@pytest.mark.parametrize(
    ("native", "capability", "chosen"),
    [(True, (9, 0), "bfloat16"), (False, (7, 5), "float16"), (False, (6, 1), "float32")],
)
def test_auto_takes_what_the_card_computes_in(
    native: bool, capability: tuple[int, int], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GeForce RTX 2080 Ti and a T4 (7.5) say that they support bfloat16, which they emulate."""

    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "device", lambda device: compute.nullcontext())
    assert compute.fast_precision(torch.device("cuda", 0)) == chosen
    assert compute.fast_precision(CPU) == "float32"


def test_float16_runs_under_autocast() -> None:
    half = Compute(CPU, "float16")
    assert half.dtype == torch.float32
    with half.autocast():
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float16
