"""InsightFace's MobileFaceNet against a plain forward pass by the names of its state_dict; the declarations."""

from __future__ import annotations

import importlib

import maskrec_insightface
import pytest
import torch
from maskrec_insightface.mbf import Mbf
from plain_networks import insightface_mbf
from published_weights import mbf_shapes, random_weights, written

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec


@pytest.mark.parametrize("large", [False, True])
def test_names_and_shapes_are_insightfaces(large):
    with torch.device("meta"):
        network = Mbf(large=large)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == mbf_shapes(large)


@torch.no_grad()
@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_outputs_are_those_of_a_plain_build(tmp_path, large):
    weights = random_weights(mbf_shapes(large), dtype=torch.float32, gain=1.5)
    network = Mbf(written(tmp_path / "w.pt", {f"net.{name}": value for name, value in weights.items()}), large).eval()
    exact = {name: value.double() if value.is_floating_point() else value for name, value in weights.items()}
    images = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    expected = insightface_mbf(exact, images, large)
    assert (expected[0] - expected[1]).abs().max() > 0.01
    torch.testing.assert_close(network.double()(images), expected, rtol=1e-6, atol=1e-6)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in exact.items())


def test_every_weight_is_trained_and_the_blocks_are_all_of_it():
    network = Mbf(embedding_size=8)
    images = torch.randn(2, 3, 112, 112)
    (network(images) * torch.randn(2, 8)).sum().backward()
    still = {name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 0}
    assert still <= {"features.layers.0.layers.1.bias"}  # a constant before a batch norm moves nothing
    network.eval()
    maps = images
    for block in network.blocks():
        maps = block(maps)
    assert torch.equal(network.features(network.conv_sep(maps)), network(images))


def test_its_size_what_it_expects_and_what_it_refuses(tmp_path):
    with torch.device("meta"):
        assert Mbf().input_spec == InputSpec(112, (0.5,) * 3, (0.5,) * 3, "rgb", "arcface")
        assert Mbf(tmp_path / "nowhere.pt", context=Context(restoring=True)).embedding_size == 512
    for values, image_size, path in (({}, 96, "image_size"), ({"embedding_size": 0}, None, "embedding_size")):
        (problem,) = Mbf.check({"embedding_size": 512, **values}, CheckContext({"image_size": image_size}))
        assert problem.path == path
        with pytest.raises(ValueError, match=r"mbf takes|embedding_size must") as raised:
            Mbf(**values, image_size=image_size)
        assert str(raised.value) == problem.message
    with pytest.raises(UsageError, match="does not fit Mbf: it lacks layers"):
        Mbf(written(tmp_path / "w.pt", random_weights({"a": (1,)})))


def test_the_declarations_name_what_is_there():
    for component in maskrec_insightface.maskrec_backbones():
        module, _, name = component.target.partition(":")
        assert getattr(importlib.import_module(module), name).__module__ == module
