"""IResNet against plain forward passes by the names of InsightFace, AdaFace and CVLface, and files of each."""

from __future__ import annotations

import pytest
import torch
from maskrec_insightface import iresnet
from maskrec_insightface.iresnet import BLOCKS, IResNet
from maskrec_insightface.weight_names import native, renamed
from plain_networks import ADAFACE_UNITS, adaface_ir, insightface_iresnet
from published_weights import adaface_ir_shapes, insightface_iresnet_shapes, random_weights, written

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.plugin.signature import EMPTY, read_parameters

DEPTHS = (18, 34, 50, 100, 200)
PLAIN = {"insightface": insightface_iresnet, "adaface": adaface_ir}
SHAPES = {"insightface": insightface_iresnet_shapes, "adaface": adaface_ir_shapes}
SIDE = 32  # pixels; a seventh of the work of 112


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("form", ["insightface", "adaface"])
def test_names_and_shapes_are_those_of_the_published_networks_both_ways(form, depth):
    with torch.device("meta"):
        own = IResNet(depth, form=form).state_dict()
    theirs = renamed(own, form)
    assert {name: tuple(value.shape) for name, value in theirs.items()} == SHAPES[form](depth)
    back = native(theirs)
    assert list(back) == list(own)
    assert all(back[name] is own[name] for name in own)
    cvlface = renamed(own, "cvlface")
    assert set(cvlface) == {f"net.{name}" for name in SHAPES[form](depth)}
    assert list(native(cvlface)) == list(own)
    assert list(native({f"model.{name}": value for name, value in cvlface.items()})) == list(own)


@pytest.mark.parametrize(
    ("form", "depth"),
    [
        ("insightface", 18), ("adaface", 18),
        *[pytest.param(form, depth, marks=pytest.mark.slow) for depth in (34, 50, 100, 200) for form in PLAIN],
    ],
)  # fmt: skip
@torch.no_grad()
def test_outputs_are_those_of_a_plain_build(tmp_path, form, depth):
    weights = random_weights(SHAPES[form](depth, SIDE))
    network = IResNet(depth, written(tmp_path / "w.pt", weights), form, image_size=SIDE)
    network = network.double().eval()
    network.load_state_dict(native(weights))  # float64 once more: loading kept the network's own float32
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    expected = PLAIN[form](weights, images, depth)
    assert expected.std() > 0.01
    assert (expected[0] - expected[1]).abs().max() > 0.01
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-6 * float(expected.abs().max()))
    again = renamed(network.state_dict(), form)
    assert all(torch.equal(again[name], value) for name, value in weights.items())


@torch.no_grad()
def test_a_bottleneck_network_of_few_blocks_is_the_plain_one(monkeypatch):
    """IR_200's block in a network of one block a stage, at 16 pixels."""
    monkeypatch.setitem(BLOCKS, ("adaface", 200), (1, 1, 1, 2))
    monkeypatch.setitem(ADAFACE_UNITS, 200, (1, 1, 1, 2))
    weights = random_weights(adaface_ir_shapes(200, 16))
    network = IResNet(200, form="adaface", image_size=16).double().eval()
    network.load_state_dict(native(weights))
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(network(images), adaface_ir(weights, images, 200), rtol=1e-6, atol=1e-6)


@pytest.fixture
def tiny(monkeypatch):
    """``tiny(form)``: the state_dict of an IResNet 18 of a block a stage and few channels, by the form's names."""
    monkeypatch.setattr(iresnet, "STAGES", (4, 8, 16, 32))
    for form in PLAIN:
        monkeypatch.setitem(BLOCKS, (form, 18), (1, 1, 1, 1))

    def weights(form):
        values = renamed(IResNet(18, form=form, image_size=SIDE).state_dict(), form)
        return {name: torch.rand_like(value) if value.is_floating_point() else value for name, value in values.items()}

    return weights


@torch.no_grad()
@pytest.mark.parametrize("wrapped", ["plain", "cvlface", "hugging_face", "lightning", "parallel"])
@pytest.mark.parametrize("form", ["insightface", "adaface"])
def test_files_of_every_kind_are_read(tmp_path, tiny, form, wrapped):
    weights = tiny(form)
    content = {
        "plain": lambda: weights,
        "cvlface": lambda: {f"net.{name}": value for name, value in weights.items()},
        "hugging_face": lambda: {f"model.net.{name}": value for name, value in weights.items()},
        "lightning": lambda: {
            "state_dict": {**{f"model.{n}": v for n, v in weights.items()}, "head.kernel": torch.zeros(512, 10)}
        },
        "parallel": lambda: {f"module.{name}": value for name, value in weights.items()},
    }[wrapped]()
    name = "w.safetensors" if wrapped == "hugging_face" else "w.pt"
    network = IResNet(18, written(tmp_path / name, content), form, image_size=SIDE)
    assert all(torch.equal(value, weights[name]) for name, value in renamed(network.state_dict(), form).items())


def test_weights_of_the_other_form_are_refused_with_the_word_to_write(tmp_path, tiny):
    for form, other in (("insightface", "adaface"), ("adaface", "insightface")):
        path = written(tmp_path / f"{other}.pt", tiny(other))
        with pytest.raises(UsageError, match=f"holds weights of the form {other}; set form: {other}"):
            IResNet(18, path, form, image_size=SIDE)
        with torch.device("meta"), pytest.raises(ValueError, match=f"of the form '{other}', a network that {form}"):
            renamed(IResNet(18, form=other).state_dict(), form)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda w: w.pop("fc.bias"), "does not fit IResNet: it lacks fc.bias;"),
        (lambda w: w.update({"fc.bias": torch.zeros(3)}), "does not fit IResNet: it has another size of fc.bias;"),
        (lambda w: w.update({"extra": torch.zeros(3)}), "does not fit IResNet: it has unknown extra;"),
        (lambda w: w.clear() or w.update({"a": torch.zeros(1)}), "does not fit IResNet: it lacks conv1.weight"),
        (lambda w: w.update({"body.x.y": torch.zeros(1)}), r"does not fit IResNet: it has unknown body\.x\.y;"),
        (lambda w: w.update({"body.7.res_layer.0.bias": torch.zeros(1)}), r"it has unknown body\.7\.res_layer"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_a_sentence(tmp_path, tiny, damage, says):
    weights = tiny("insightface")
    damage(weights)
    with pytest.raises(UsageError, match=says) as raised:
        IResNet(18, written(tmp_path / "w.safetensors", weights), image_size=SIDE)
    assert "\n" not in str(raised.value)


def test_names_that_are_none_of_an_iresnets():
    with pytest.raises(ValueError, match=r"'fc8\.weight' is not the name of a tensor of an IResNet"):
        renamed({"fc8.weight": 0}, "adaface")


def test_its_size_and_what_it_expects():
    with torch.device("meta"):
        network = IResNet(18, color="bgr")
    assert network.input_spec == InputSpec(112, (0.5,) * 3, (0.5,) * 3, "bgr", "arcface")
    assert network.embedding_size == network.fc.out_features == 512
    assert len(network.blocks()) == 8
    small = IResNet(18, embedding_size=16, image_size=40).eval()
    assert small(torch.zeros(2, 3, 40, 40)).shape == (2, 16)
    assert IResNet(18, "nowhere.pt", image_size=16, context=Context(restoring=True)).embedding_size == 512


def test_every_weight_but_the_fixed_scale_is_trained():
    network = IResNet(18, embedding_size=8, image_size=32)
    (network(torch.randn(4, 3, 32, 32)) * torch.randn(4, 8)).sum().backward()
    still = {name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().max()}
    # InsightFace fixes the scale at 1; a constant before a batch norm moves nothing.
    assert {"features.weight"} <= still <= {"features.weight", "fc.bias", "bn2.bias"}
    assert bool((network.features.weight == 1).all())


@pytest.mark.parametrize(
    ("values", "image_size", "path"),
    [
        ({"dropout": 1.0}, None, "dropout"),
        ({"embedding_size": 0}, None, "embedding_size"),
        ({"depth": 101}, None, "depth"),
        ({}, 8, "image_size"),
    ],
)
def test_parameters_out_of_range_are_refused_in_the_same_words_by_check_and_constructor(values, image_size, path):
    given = {"depth": 18, "form": "insightface", "embedding_size": 512, "dropout": 0.0, **values}
    (problem,) = IResNet.check(given, CheckContext({"image_size": image_size}))
    assert problem.path == path
    with pytest.raises(ValueError, match=r"iresnet|IResNet|must be") as raised:
        IResNet(**given, image_size=image_size)
    assert str(raised.value) == problem.message


def test_its_parameters_are_all_annotated():
    parameters = read_parameters(IResNet, "backbone")
    assert all(parameter.annotation is not EMPTY for parameter in parameters)
    assert [p.name for p in parameters if p.given] == ["image_size", "context"]
