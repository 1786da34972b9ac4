"""``train.ema``: updated at every step, evaluated, kept as best, and restored by a resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from probe_runs import PROBES, embed_by_hand, embedded, pictures, probe, state
from torch import Tensor

from maskrec.plugin.host import discover
from maskrec.training.runner import resume


def averages(folder: Path, steps: int, decay: float) -> list[dict[str, Tensor]]:
    """The moving average after each step, by the formula from plain runs that end there (three people a step more)."""
    ends = [
        state(probe(folder, None, "optimizer.lr=0.0", name="start"))["backbone"],
        *(
            state(
                probe(folder, {"observe": {"halt": {"use": "halt", "at": "on_step", "after": step}}}, name=f"to{step}")
            )["backbone"]
            for step in range(1, steps + 1)
        ),
    ]
    found = [ends[0]]
    for end in ends[1:]:
        found.append({name: decay * found[-1][name] + (1 - decay) * end[name] for name in end})
    return found


def test_it_is_updated_at_every_step_and_changes_no_training(tmp_path: Path) -> None:
    by_hand = averages(tmp_path, 3, 0.5)[-1]
    run, plain = probe(tmp_path, None, "train.ema=0.5"), probe(tmp_path, name="plain")
    last = state(run)
    for name, expected in by_hand.items():
        torch.testing.assert_close(last["ema"][name], expected, rtol=0, atol=1e-6)
        assert torch.equal(last["backbone"][name], state(plain)["backbone"][name])
        assert not torch.equal(last["ema"][name], last["backbone"][name])
    assert state(plain)["ema"] is None


def test_it_is_what_is_evaluated_kept_and_tested(tmp_path: Path) -> None:
    run = probe(tmp_path, None, "train.ema=0.5")
    last, best = state(run), state(run, "best")
    assert all(torch.equal(best["backbone"][name], last["ema"][name]) for name in last["ema"])
    by_hand = embed_by_hand(last["ema"], pictures())
    assert np.abs(embedded(run, 0) - by_hand).max() < 1e-5
    assert np.abs(embedded(run, "test") - by_hand).max() < 1e-5
    assert np.abs(embed_by_hand(last["backbone"], pictures()) - by_hand).max() > 1e-2


def test_it_goes_on_with_the_run(tmp_path: Path) -> None:
    whole = probe(tmp_path, None, "train.ema=0.5", "train.epochs=3", name="whole")
    parts = probe(tmp_path, None, "train.ema=0.5", "train.epochs=1", name="parts")
    resume(parts, discover([PROBES]), {"epochs": 3})
    assert all(torch.equal(state(whole)["ema"][name], tensor) for name, tensor in state(parts)["ema"].items())
