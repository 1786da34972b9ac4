"""What a checkpoint restores: every generator's state, and weights of the same networks only."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probe_runs import PROBES, probe, state
from run_comparison import differences
from torch import nn

from maskrec.base.errors import UsageError
from maskrec.plugin.host import discover
from maskrec.runtime.state_tree import load_tree, save_tree
from maskrec.runtime.weight_files import load_weights
from maskrec.training.checkpoints.checkpoint import random_state, restore_random_state, seed_process
from maskrec.training.runner import resume


def drawn() -> tuple[Any, ...]:
    """One number of each global generator; a normal draw leaves its second value for the next one."""
    return torch.rand(1).item(), np.random.rand(), random.random(), np.random.normal(), random.gauss(0, 1)


def test_every_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    seed_process(3, 7)
    drawn()  # an odd number of normal draws, so that one value is kept
    kept = random_state()
    save_tree(kept, tmp_path / "random.safetensors")
    first = [drawn() for _ in range(3)]
    seed_process(4, 0)
    assert [drawn() for _ in range(3)] != first
    restore_random_state(load_tree(tmp_path / "random.safetensors"))
    assert [drawn() for _ in range(3)] == first


def test_each_seed_and_step_has_generators_of_its_own() -> None:
    found = []
    for seed, step in ((1, 0), (1, 1), (2, 0), (1, 0)):
        seed_process(seed, step)
        found.append(drawn())
    assert found[0] == found[3]
    for several in zip(*found[:3], strict=True):
        assert len(set(several)) == 3


def test_a_new_run_seeds_every_generator_whatever_was_drawn_before(tmp_path: Path) -> None:
    ends = []
    for number in (1, 2):
        seed_process(number, 99)
        ends.append(state(probe(tmp_path, name=f"run{number}"))["random"])
    assert differences(*ends) == []
    assert differences(ends[0], state(probe(tmp_path, {"seed": 6}, name="other"))["random"]) != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("bias"), "1 tensors differ in name or shape, the first is 'bias'"),
        (lambda weights: weights.update(more=torch.ones(1)), "1 tensors differ in name or shape, the first is 'more'"),
        (lambda weights: weights.update(weight=torch.ones(3, 2)), "1 tensors .* the first is 'weight'"),
        (lambda weights: (weights.pop("bias"), weights.update(a=torch.ones(1))), "2 tensors .* the first is 'a'"),
    ],
)
def test_weights_of_another_network_are_refused(change: Any, said: str) -> None:
    module = nn.Linear(2, 2)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    weights: dict[str, Any] = {name: torch.zeros_like(tensor) for name, tensor in before.items()}
    load_weights(module, weights, "these weights")
    assert all(not tensor.any() for tensor in module.state_dict().values())
    load_weights(module, before, "these weights")
    change(weights)
    with pytest.raises(UsageError, match=f"^these weights does not fit: {said}"):
        load_weights(module, weights, "these weights")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def edited(run: Path, **parts: Any) -> None:
    """The last checkpoint with some of its parts replaced."""
    save_tree({**state(run), **parts}, run / "checkpoints" / "last.safetensors")


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("loss", {}, r"loss does not fit this recipe's: 'direction' differs"),
        ("loss", {"direction": torch.ones(1, 9)}, r"loss does not fit this recipe's: 'direction' differs"),
        ("loss", {"direction": torch.ones(1, 4), "more": torch.ones(1)}, r"loss does not fit .*'more' differs"),
        ("optimizer", {"state": {}, "param_groups": []}, r"optimizer state does not fit this recipe"),
        ("backbone", {}, r"checkpoint's backbone does not fit"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(part: str, value: Any, said: str, tmp_path: Path) -> None:
    run = probe(tmp_path)
    edited(run, **{part: value})
    with pytest.raises(UsageError, match=said):
        resume(run, discover([PROBES]), {"epochs": 2})


@pytest.mark.parametrize("optimizer", [{"use": "sgd", "lr": 0.01, "momentum": 0.9}, {"use": "adam", "lr": 0.01}])
def test_the_optimizers_own_state_goes_on(optimizer: dict[str, Any], tmp_path: Path) -> None:
    changes = {"optimizer": optimizer, "backbone": {"use": "linear", "dropout": 0.5}}
    whole = probe(tmp_path, changes, "train.epochs=3", name="whole")
    parts = probe(tmp_path, changes, "train.epochs=1", name="parts")
    resume(parts, discover([PROBES]), {"epochs": 3})
    for name, tensor in state(whole)["backbone"].items():
        assert torch.equal(state(parts)["backbone"][name], tensor)


def test_dropout_after_a_resume_in_another_number_of_processes_is_seeded_by_the_step(tmp_path: Path) -> None:
    """The checkpoint of two processes, opened by one: it cannot equal that run, but it is the same each time."""
    changes = {"backbone": {"use": "linear", "dropout": 0.5}}
    ends = []
    for name in ("one", "two"):
        run = probe(tmp_path, changes, name=name)
        edited(run, random=state(run)["random"] * 2)
        torch.manual_seed(len(ends))
        resume(run, discover([PROBES]), {"epochs": 2})
        ends.append(state(run)["backbone"]["matrix.weight"])
    assert torch.equal(*ends)


def test_thresholds_stand_beside_the_checkpoint_for_reading(tmp_path: Path) -> None:
    pairs = {"use": "noise_pairs"}
    run = probe(tmp_path, {"evaluate": {"held_out": {"use": "pair_histogram", "evaluation": pairs}}})
    for name in ("best", "last"):
        beside = json.loads((run / "checkpoints" / f"{name}.thresholds.json").read_text())
        assert beside["form"] == state(run, name)["thresholds_form"] == "maskrec-thresholds-2"
        assert beside["thresholds"] == {"held_out": state(run, name)["evaluations"]["held_out"]["thresholds"]}
        assert beside["thresholds"]["held_out"]["histogram"]["distance"] == "l2"
