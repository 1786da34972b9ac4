"""Activations computed again: the same gradients, statistics and random numbers, with less kept."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from probe_runs import PROBED, probe
from run_comparison import assert_same_run, differences
from torch import Tensor, nn

from maskrec.backbones.inception_resnet_v1 import InceptionResnetV1
from maskrec.backbones.timm_backbone import TimmBackbone
from maskrec.base.errors import UsageError
from maskrec.training.steps.activation_checkpointing import recompute_activations


class Kept:
    """Within it, the bytes that a forward pass keeps for the backward pass, each storage once, without weights."""

    def __init__(self, network: nn.Module) -> None:
        self.left_out = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
        self.sizes: dict[int, int] = {}

    def __call__(self, tensor: Tensor) -> Tensor:
        """Count it."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.left_out:
            self.sizes[storage.data_ptr()] = storage.nbytes()
        return tensor


def trained(network: nn.Module, images: Tensor) -> tuple[dict[str, Any], int]:
    """Gradients and buffers after two steps' forward and backward passes, and the bytes that one keeps."""
    torch.manual_seed(3)
    network.train()
    kept = Kept(network)
    with torch.autograd.graph.saved_tensors_hooks(kept, lambda tensor: tensor):
        value = network(images).square().mean()
    value.backward()
    network(images.flip(0)).square().mean().backward()
    found: dict[str, Any] = dict(network.named_buffers())
    return found | {name: weight.grad for name, weight in network.named_parameters()}, sum(kept.sizes.values())


def timm_backbone(model: str) -> TimmBackbone:
    return TimmBackbone(model, embedding_size=8, dropout=0.5)


NETWORKS = {
    "inception_resnet_v1": (lambda: InceptionResnetV1(image_size=75), 75),
    "resnet": (lambda: timm_backbone("test_resnet"), 64),
    "efficientnet": (lambda: timm_backbone("test_efficientnet"), 64),
    "vit": (lambda: timm_backbone("test_vit"), 160),
    "convnext": (lambda: timm_backbone("test_convnext"), 64),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_are_the_same_and_less_is_kept(name: str) -> None:
    make, size = NETWORKS[name]
    torch.manual_seed(0)
    plain = make()
    again = copy.deepcopy(plain)
    recompute_activations(again, "backbone: mine")
    images = torch.rand(2, 3, size, size)
    (one, kept), (other, kept_again) = trained(plain, images), trained(again, images)
    assert differences(one, other) == []
    assert kept_again < 0.8 * kept
    assert plain.state_dict().keys() == again.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(plain.eval()(images), again.eval()(images))


def test_a_copy_computes_with_its_own_weights() -> None:
    network = timm_backbone("test_resnet")
    recompute_activations(network, "backbone: mine")
    other = copy.deepcopy(network)
    with torch.no_grad():
        for weight in other.parameters():
            weight.zero_()
    assert not other.eval()(torch.rand(1, 3, 64, 64)).any()


def test_a_network_without_blocks_is_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 3), nn.Linear(3, 3))
    with pytest.raises(UsageError, match=r"train\.checkpoint_activations: backbone: mine is not made of blocks"):
        recompute_activations(network, "backbone: mine")


def test_a_run_is_the_same_run(tmp_path: Path) -> None:
    small = {"use": "timm", "model": "test_resnet", "embedding_size": 4, "dropout": 0.5}
    changes = {"backbone": small, "data": {"use": "synthetic_faces", "identities": 6, "images_per_identity": 8}}
    changes |= {"image_size": 32, "evaluate": None, "sampler": {"use": "shuffled", "batch_size": 24}}
    runs = [
        probe(tmp_path, {**changes, "train": {**PROBED["train"], "checkpoint_activations": again}}, name=f"run{again}")
        for again in (False, True)
    ]
    assert_same_run(*runs)
