"""The collapse monitor: which runs it stops, which it must not stop, and that it continues to count after a resume."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.context import CheckContext
from maskrec.contracts.events import Stepped
from maskrec.observers.collapse_monitor import CollapseMonitor, embedding_spread

SPREAD_OUT = torch.eye(4)
ONE_POINT = torch.ones(4, 4) + 1e-6 * torch.eye(4)


def stepped(step: int, **changed: Any) -> Stepped:
    values: dict[str, Any] = {
        "epoch": 0,
        "step": step,
        "loss": 1.0,
        "learning_rate": 0.1,
        "gradient_norm": None,
        "diagnostics": {},
        "embeddings": SPREAD_OUT,
        "labels": torch.tensor([0, 0, 1, 1]),
        "images_per_second": 100.0,
        "loss_path": "maskrec/triplet",
    }
    return Stepped(**{**values, **changed})


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_at_once(loss: float) -> None:
    stop = CollapseMonitor().on_step(stepped(1, loss=loss))
    assert stop is not None
    assert stop.failed
    assert f"the loss of maskrec/triplet is {loss} at step 1, its embeddings are finite" in stop.reason
    broken = CollapseMonitor().on_step(stepped(1, loss=loss, embeddings=torch.full((4, 4), math.nan)))
    assert broken is not None
    assert "the backbone's embeddings are not finite either" in broken.reason


def test_collapsed_embeddings_stop_after_patience_checks_in_a_row() -> None:
    monitor = CollapseMonitor(every=2, patience=3)
    stops = [monitor.on_step(stepped(step, embeddings=ONE_POINT, loss=2.0)) for step in range(1, 7)]
    assert stops[:5] == [None] * 5
    assert stops[5] is not None
    assert stops[5].failed
    assert "training with maskrec/triplet has collapsed: at step 6" in stops[5].reason
    assert "loss 2)" in stops[5].reason
    assert "learning rate" in stops[5].reason


def test_advice_fits_the_loss() -> None:
    for diagnostics, advice in (({"mined/active_share": 1.0}, "semi_hard"), ({}, "warm it up")):
        monitor = CollapseMonitor(every=1, patience=1)
        stop = monitor.on_step(stepped(1, embeddings=ONE_POINT, diagnostics=diagnostics))
        assert stop is not None
        assert advice in stop.reason


def test_one_healthy_check_resets_the_count() -> None:
    monitor = CollapseMonitor(every=1, patience=2)
    for step in range(1, 20):
        assert monitor.on_step(stepped(step, embeddings=SPREAD_OUT if step % 2 else ONE_POINT)) is None


def test_dead_embeddings_are_collapsed_and_broken_ones_stop() -> None:
    dead = CollapseMonitor(every=1, patience=1).on_step(stepped(1, embeddings=torch.zeros(4, 4)))
    assert dead is not None
    assert "collapsed" in dead.reason
    broken = CollapseMonitor(every=1).on_step(stepped(1, embeddings=torch.full((4, 4), math.inf)))
    assert broken is not None
    assert "not finite at step 1" in broken.reason


def test_every_triplet_active_is_not_a_fault() -> None:
    """At margin 2.0 on unit embeddings the share is 1 by construction."""
    monitor = CollapseMonitor(every=1, patience=1, idle_steps=1)
    for step in range(1, 50):
        assert monitor.on_step(stepped(step, loss=2.0, diagnostics={"active_share": 1.0})) is None


def test_no_active_triplet_for_long_ends_the_run_as_planned() -> None:
    monitor = CollapseMonitor(idle_steps=5)
    idle = {"loss": 0.0, "diagnostics": {"active_share": 0.0}}
    assert [monitor.on_step(stepped(step, **idle)) for step in range(1, 5)] == [None] * 4
    assert monitor.on_step(stepped(5, loss=0.01, diagnostics={"active_share": 0.1})) is None
    stops = [monitor.on_step(stepped(step, **idle)) for step in range(6, 11)]
    assert stops[:4] == [None] * 4
    assert stops[4] is not None
    assert not stops[4].failed
    assert "no triplet of maskrec/triplet has been active for 5 steps" in stops[4].reason


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": 0.3, "diagnostics": {"mined/active_share": 0.0, "arc/loss": 0.3}},  # another part still learns
        {"loss": 0.0, "diagnostics": {}},  # not a triplet loss
        {"loss": 0.0, "diagnostics": {"a/active_share": 0.0, "b/active_share": 0.5}},
    ],
)
def test_what_is_not_idle(changed: dict[str, Any]) -> None:
    monitor = CollapseMonitor(idle_steps=1)
    assert monitor.on_step(stepped(1, **changed)) is None


def test_idle_steps_none_never_ends() -> None:
    monitor = CollapseMonitor(idle_steps=None)
    for step in range(1, 3000):
        assert monitor.on_step(stepped(step, loss=0.0, diagnostics={"active_share": 0.0})) is None


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 2)])
def test_batches_of_one_image_or_one_person_are_passed_over(rows: slice) -> None:
    monitor = CollapseMonitor(every=1, patience=1)
    event = stepped(1, embeddings=ONE_POINT[rows], labels=torch.tensor([0, 0, 1, 1])[rows])
    assert monitor.on_step(event) is None


def test_a_resumed_monitor_stops_at_the_same_step() -> None:
    def run(monitor: CollapseMonitor, steps: range) -> int | None:
        for step in steps:
            if monitor.on_step(stepped(step, embeddings=ONE_POINT)) is not None:
                return step
        return None

    whole = run(CollapseMonitor(every=3, patience=4), range(1, 100))
    first = CollapseMonitor(every=3, patience=4)
    assert run(first, range(1, 8)) is None
    second = CollapseMonitor(every=3, patience=4)
    second.load_state_dict(first.state_dict())
    assert run(second, range(8, 100)) == whole == 12


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(0, 1000))
def test_spread_is_the_mean_cosine_distance(rows: int, seed: int) -> None:
    embeddings = torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))
    total, pairs = 0.0, 0
    for i in range(rows):
        for j in range(i):
            one, other = embeddings[i].double(), embeddings[j].double()
            total += 1 - float(one @ other / (one.norm() * other.norm()))
            pairs += 1
    assert embedding_spread(embeddings) == pytest.approx(total / pairs, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_spread_of_every_dtype(dtype: torch.dtype) -> None:
    assert embedding_spread(SPREAD_OUT.to(dtype)) == pytest.approx(1.0)
    assert embedding_spread(torch.full((8, 512), 0.3).to(dtype)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("minimum_spread", 0.0), ("minimum_spread", 1.0), ("every", 0), ("patience", 0), ("idle_steps", 0)],
)
def test_parameters_out_of_range(name: str, value: float) -> None:
    assert [problem.path for problem in CollapseMonitor.check({name: value}, CheckContext())] == [name]
    with pytest.raises(ValueError, match=name):
        CollapseMonitor(**{name: value})  # type: ignore[arg-type]


def test_a_real_collapse_is_found() -> None:
    """The hardest triplets at far too high a learning rate: embeddings collapse, and the loss stays at its margin."""
    from maskrec.losses.triplets.triplet import Triplet

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    loss = Triplet(margin=0.5)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(8).repeat_interleave(4)
    monitor, stop, value = CollapseMonitor(every=10, patience=3), None, 0.0
    for step in range(1, 400):
        embeddings = network(torch.randn(32, 8, generator=generator))  # nothing to learn: labels are noise
        result = loss(embeddings, labels)
        optimizer.zero_grad()
        result.backward()
        optimizer.step()
        value = float(result.detach())
        stop = monitor.on_step(
            stepped(step, loss=value, embeddings=embeddings.detach(), labels=labels, diagnostics=loss.diagnostics())
        )
        if stop is not None:
            break
    assert stop is not None
    assert stop.failed
    assert "collapsed" in stop.reason
    assert value == pytest.approx(0.5, abs=0.05)
