"""Sizes, training, weights that do not fit, the declaration."""

from __future__ import annotations

from pathlib import Path

import maskrec_example_backbone
import pytest
import torch
from maskrec_example_backbone.small_cnn import SmallCnn
from safetensors.torch import save_file

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.plugin.signature import read_parameters


def test_its_size_and_what_it_expects():
    network = SmallCnn().eval()
    assert network.input_spec == InputSpec(112, (0.5,) * 3, (0.5,) * 3, "rgb", "arcface")
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 112, 112)).shape == (2, network.embedding_size) == (2, 128)
        assert SmallCnn(embedding_size=7, image_size=33).eval()(torch.zeros(2, 3, 33, 33)).shape == (2, 7)
    assert 400_000 < sum(weight.numel() for weight in network.parameters()) < 600_000


def test_every_weight_is_trained():
    network = SmallCnn(image_size=32)
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert not [name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 0]


def test_weights_come_back_as_they_were(tmp_path):
    one = SmallCnn()
    save_file(one.state_dict(), tmp_path / "w.safetensors")
    other = SmallCnn(tmp_path / "w.safetensors")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert SmallCnn(tmp_path / "nowhere.safetensors", context=Context(restoring=True)).embedding_size == 128
    weights = {name: value for name, value in one.state_dict().items() if name != "linear.weight"}
    save_file(weights, tmp_path / "other.safetensors")
    with pytest.raises(UsageError, match=r"does not fit SmallCnn: it lacks linear\.weight"):
        SmallCnn(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("values", "image_size", "path"), [({}, 31, "image_size"), ({"embedding_size": 0}, None, "embedding_size")]
)
def test_what_cannot_be_is_refused_in_the_same_words_by_check_and_constructor(values, image_size, path):
    (problem,) = SmallCnn.check({"embedding_size": 128, **values}, CheckContext({"image_size": image_size}))
    assert problem.path == path
    with pytest.raises(ValueError, match=r"small_cnn needs|must be at least 1") as raised:
        SmallCnn(**values, image_size=image_size)
    assert str(raised.value) == problem.message


def test_the_declaration_names_this_network_and_its_parameters_are_all_annotated():
    (component,) = maskrec_example_backbone.maskrec_backbones()
    assert component.target == f"{SmallCnn.__module__}:{SmallCnn.__qualname__}"
    parameters = read_parameters(SmallCnn, "backbone")
    assert {p.name: p.annotation for p in parameters if not p.given} == {"weights": Path | None, "embedding_size": int}
    assert [p.name for p in parameters if p.given] == ["image_size", "context"]
