"""Which parameters weight decay acts on, by timm's own rules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from maskrec.backbones.timm_backbone import TimmBackbone
from maskrec.recipe.plan import Optimizer
from maskrec.training.steps.optimizing import parameter_groups


def names(groups: list[dict[str, Any]], *modules: nn.Module) -> dict[str, set[str]]:
    known = {id(weight): name for module in modules for name, weight in module.named_parameters()}
    return {group["name"]: {known[id(weight)] for weight in group["params"]} for group in groups}


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    return TimmBackbone("vit_tiny_patch16_224", embedding_size=16)


class Frozen(nn.Module):
    """A loss with weights of its own and a teacher that is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(4, 16))
        self.shift = nn.Parameter(torch.zeros(16))
        self.teacher = nn.Linear(3, 3)

    def frozen(self) -> tuple[nn.Module, ...]:
        return (self.teacher,)


def test_a_transformer_says_itself_what_is_not_decayed(vit: nn.Module) -> None:
    loss = Frozen()
    found = names(parameter_groups(Optimizer("adamw", {"lr": 1e-3}), vit, loss), vit, loss)
    assert {"trunk.cls_token", "trunk.pos_embed"} < found["backbone, not decayed"]
    assert "trunk.blocks.0.attn.qkv.weight" in found["backbone"]
    assert "trunk.blocks.0.attn.qkv.bias" in found["backbone, not decayed"]


@pytest.mark.parametrize("vectors", [False, True])
def test_every_trained_parameter_is_in_one_group(vit: nn.Module, vectors: bool) -> None:
    loss = Frozen()
    plan = Optimizer("adamw", {"lr": 1e-3}, {"loss": {"lr": 0.5}}, decay_norm_and_bias=vectors)
    groups = parameter_groups(plan, vit, loss)
    found = [id(weight) for group in groups for weight in group["params"]]
    assert len(found) == len(set(found))
    assert set(found) == {id(weight) for weight in (*vit.parameters(), loss.centres, loss.shift)}
    assert {group["name"]: group.get("lr") for group in groups if group["name"].startswith("loss")} == (
        {"loss": 0.5} if vectors else {"loss": 0.5, "loss, not decayed": 0.5}
    )
    for group in groups:
        assert ("weight_decay" in group) == group["name"].endswith("not decayed")


def test_vectors_are_decayed_when_asked_and_embeddings_of_places_are_not(vit: nn.Module) -> None:
    loss = Frozen()
    plan = Optimizer("adamw", {"lr": 1e-3}, decay_norm_and_bias=True)
    found = names(parameter_groups(plan, vit, loss), vit, loss)
    assert found["backbone, not decayed"] == {"trunk.cls_token", "trunk.pos_embed"}
    assert "trunk.norm.bias" in found["backbone"]


def test_a_network_without_a_word_of_its_own_is_split_by_vectors() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    frozen = nn.Conv2d(3, 3, 1).requires_grad_(False)
    groups = parameter_groups(Optimizer("sgd", {"lr": 1}), nn.Sequential(network, frozen), nn.Module())
    assert [(group["name"], [tuple(weight.shape) for weight in group["params"]]) for group in groups] == [
        ("backbone", [(4, 3, 3, 3)]),
        ("backbone, not decayed", [(4,), (4,), (4,)]),
    ]
