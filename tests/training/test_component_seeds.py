"""Every component's weights are drawn from the seed and its path: adding one changes no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from probe_runs import probe, state

PUSHES: dict[str, Any] = {name: {"use": "push"} for name in ("one", "two", "three")}
STILL = "optimizer.lr=0.0"


def weighted(*names: str) -> dict[str, Any]:
    return {
        "loss": {
            "use": "weighted_sum",
            "parts": {name: PUSHES[name] for name in names},
            "weights": dict.fromkeys(names, 1.0),
        }
    }


def directions(run: Path) -> dict[str, torch.Tensor]:
    return {name.split(".")[1]: tensor for name, tensor in state(run)["loss"].items()}


def test_parts_of_one_class_have_weights_of_their_own_whoever_is_beside_them(tmp_path: Path) -> None:
    three = directions(probe(tmp_path, weighted("one", "two", "three"), STILL, name="all"))
    two = directions(probe(tmp_path, weighted("three", "one"), STILL, name="some"))
    assert len({str(tensor.tolist()) for tensor in three.values()}) == 3
    assert all(torch.equal(two[name], three[name]) for name in ("one", "three"))


def test_a_components_weights_depend_on_its_path_and_the_seed_alone(tmp_path: Path) -> None:
    plain = probe(tmp_path, None, STILL, name="plain")
    fewer = {"transforms": None, "observe": None, "evaluate": None, "data": {"use": "noise", "people": 6}}
    other_loss = probe(tmp_path, {**weighted("one"), **fewer}, STILL, name="other")
    seed = probe(tmp_path, {"seed": 6}, STILL, name="seed")
    assert torch.equal(state(plain)["backbone"]["matrix.weight"], state(other_loss)["backbone"]["matrix.weight"])
    assert not torch.equal(state(plain)["backbone"]["matrix.weight"], state(seed)["backbone"]["matrix.weight"])
    assert not torch.equal(state(plain)["loss"]["direction"], state(seed)["loss"]["direction"])
    # the same shape at another path
    assert not torch.equal(state(plain)["loss"]["direction"], directions(other_loss)["one"])
