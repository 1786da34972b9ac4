"""The network against its ONNX file on real faces; sizes, weights that do not fit."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from maskrec_insightface.mobilefacenet import MobileFaceNet
from safetensors.torch import load_file, save_file

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise
from maskrec.images.canvas import to_canvas
from maskrec.images.decoding import read_image
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.plugin.signature import read_parameters

FACES = Path(__file__).parents[3] / "../shared/faces"
WEIGHTS = FACES / "mobilefacenet.safetensors"
with_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights are not here")


def real_faces(count: int) -> torch.Tensor:
    """Aligned faces of ``count`` people, RGB in [0, 1]."""
    with (FACES / "lfw_landmarks.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    faces = []
    for row in rows[:: len(rows) // count][:count]:
        points = np.array([float(row[name]) for name in LANDMARK_COLUMNS]).reshape(5, 2)
        faces.append(to_canvas(read_image(str(FACES / row["path"])), points, 112, "arcface")[0])
    return torch.stack(faces).float() / 255


@with_weights
def test_it_is_the_network_of_the_onnx_file_on_a_hundred_faces():
    import onnxruntime

    session = onnxruntime.InferenceSession(str(FACES / "mobilefacenet.onnx"), providers=["CPUExecutionProvider"])
    network = MobileFaceNet(WEIGHTS).eval()
    images = normalise(real_faces(100), network.input_spec)
    (name,) = [entry.name for entry in session.get_inputs()]
    wanted = np.concatenate([session.run(None, {name: image[None].numpy()})[0] for image in images]).astype(np.float64)
    with torch.no_grad():
        found = network(images).double().numpy()
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    assert ((found * wanted).sum(1) / lengths).min() >= 0.9999
    # before any L2 normalisation, and the faces are not constant
    assert np.linalg.norm(found, axis=1).std() > 0.1
    assert np.abs(found - found.mean(0)).max() > 0.1


def test_its_size_and_what_it_expects():
    network = MobileFaceNet().eval()
    assert network.input_spec == InputSpec(112, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb", "arcface")
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 112, 112)).shape == (2, network.embedding_size) == (2, 128)
    assert 990_000 < sum(weight.numel() for weight in network.parameters()) < 1_030_000


def test_every_weight_is_trained():
    network = MobileFaceNet()
    network(torch.randn(4, 3, 112, 112)).square().sum().backward()
    # A convolution's bias before a batch norm moves nothing.
    still = [name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 0]
    assert set(still) <= {"conv3.bias"}


def test_frozen_norms_keep_their_statistics_and_train_their_scales(tmp_path):
    torch.manual_seed(0)
    save_file(MobileFaceNet().state_dict(), tmp_path / "start.safetensors")
    for frozen in (False, True):
        network = MobileFaceNet(tmp_path / "start.safetensors", freeze_norm=frozen).eval().train()
        network(torch.randn(4, 3, 112, 112)).sum().backward()
        assert (network.conv1[1].running_mean.abs().max() == 0) == frozen
        assert (network.bn.num_batches_tracked == 0) == frozen
        assert network.conv1[1].weight.grad.abs().max() > 0


def test_weights_come_back_as_they_were(tmp_path):
    one = MobileFaceNet()
    save_file(one.state_dict(), tmp_path / "w.safetensors")
    other = MobileFaceNet(tmp_path / "w.safetensors")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    restored = MobileFaceNet(tmp_path / "nowhere.safetensors", context=Context(restoring=True))
    assert restored.embedding_size == 128


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda w: w.pop("conv3.bias"), "does not fit MobileFaceNet: it lacks conv3.bias;"),
        (lambda w: w.update(extra=torch.zeros(1)), "does not fit MobileFaceNet: it has unknown extra;"),
        (
            lambda w: w.update({"conv3.bias": torch.zeros(64)}),
            "does not fit MobileFaceNet: it has another size of conv3.bias;",
        ),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, damage, says):
    weights = dict(MobileFaceNet().state_dict())
    damage(weights)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UsageError, match=says) as raised:
        MobileFaceNet(tmp_path / "w.safetensors")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04K\x01.", b"\xff" * 100])
def test_a_file_that_is_not_safetensors_is_rejected_in_a_sentence(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match=r"w\.safetensors cannot be read as weights") as raised:
        MobileFaceNet(tmp_path / "w.safetensors")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "image_size", "path"),
    [
        ({"weights": None, "freeze_norm": False}, 160, "image_size"),
        ({"weights": None, "freeze_norm": True}, None, "freeze_norm"),
    ],
)
def test_what_cannot_be_is_refused_in_the_same_words_by_check_and_constructor(values, image_size, path):
    (problem,) = MobileFaceNet.check(values, CheckContext({"image_size": image_size}))
    assert problem.path == path
    with pytest.raises(ValueError, match=problem.message[:20]) as raised:
        MobileFaceNet(**values, image_size=image_size)
    assert str(raised.value) == problem.message


@with_weights
def test_the_file_holds_all_its_tensors_and_no_others():
    assert set(load_file(WEIGHTS)) == set(MobileFaceNet().state_dict())


def test_its_parameters_are_all_annotated():
    parameters = read_parameters(MobileFaceNet, "backbone")
    assert {p.name: p.annotation for p in parameters if not p.given} == {"weights": Path | None, "freeze_norm": bool}
    assert [p.name for p in parameters if p.given] == ["image_size", "context"]
