"""The network against a plain pass over the layers that dlib's file lists, against dlib, and its weight files."""

from __future__ import annotations

import csv
import dataclasses
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch
from maskrec_dlib import published_weights
from maskrec_dlib.dlib_resnet import TEMPLATE, DlibResNet
from maskrec_dlib.published_weights import published_file
from maskrec_dlib.serialized_network import Layer, parse_network
from safetensors.torch import save_file
from written_networks import run, serialized, serialized_resnet, tiny_network

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise
from maskrec.images.canvas import to_canvas
from maskrec.images.decoding import read_image
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.inference.deciding.model_folder import read_model_folder
from maskrec.inference.model import weights_checksum
from maskrec.plugin.signature import read_parameters

SMALLEST = 103
PEOPLE = 844  # of LFW's folds 1 and 2
FACES = Path(__file__).parents[3] / "../shared/faces"


def installed() -> bool:
    try:
        distribution(published_weights.PACKAGE)
    except PackageNotFoundError:
        return False
    return True


with_weights = pytest.mark.skipif(not installed(), reason="the package with the published weights is not installed")


def random_network(image_size: int | None = None) -> DlibResNet:
    """Random weights, biases and scales."""
    torch.manual_seed(3)
    network = DlibResNet(None, image_size).eval()
    for name, weight in network.named_parameters():
        if name.endswith("bias") or "scale" in name:
            torch.nn.init.normal_(weight, float("scale.weight" in name), 0.1)
    return network


@pytest.mark.parametrize("size", [SMALLEST, 150])
@torch.no_grad()
def test_it_is_what_its_serialized_layers_give_one_after_another(size):
    network = random_network(size)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    expected = run(serialized_resnet(network).layers, images)
    assert expected.shape == (2, 128)
    assert network.double()(images.double()) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_its_size_and_what_it_expects():
    network = DlibResNet(None)
    spec = network.input_spec
    assert spec == InputSpec(150, spec.mean, (256 / 255,) * 3, "rgb", TEMPLATE)
    assert [255 * mean for mean in spec.mean] == pytest.approx([122.782, 117.001, 104.298])
    assert sum(weight.numel() for weight in network.parameters()) == 5_614_592
    assert DlibResNet(None, image_size=112).input_spec.canvas == (112, 112)
    pixels = torch.full((1, 3, 2, 2), 200 / 255)
    assert normalise(pixels, spec)[0, :, 0, 0].tolist() == pytest.approx(
        [(200 - mean) / 256 for mean in (122.782, 117.001, 104.298)], rel=1e-5
    )


def test_every_weight_is_trained():
    network = random_network(SMALLEST).train()
    network(torch.randn(4, 3, SMALLEST, SMALLEST)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 0] == []
    assert all(weight.requires_grad for weight in network.parameters())


def test_weights_in_dlibs_form_and_as_tensors_come_back_as_they_were(tmp_path):
    one = random_network()
    (tmp_path / "w.dat").write_bytes(serialized(serialized_resnet(one)))
    save_file(one.state_dict(), tmp_path / "w.safetensors")
    for name in ("w.dat", "w.safetensors"):
        other = DlibResNet(tmp_path / name).state_dict()
        assert all(torch.equal(value, other[key]) for key, value in one.state_dict().items())
    restored = DlibResNet(tmp_path / "nowhere.dat", context=Context(restoring=True))
    assert restored.embedding_size == 128


def with_layer(number: int, layer: Layer) -> bytes:
    network = serialized_resnet(DlibResNet(None))
    layers = (*network.layers[:number], layer, *network.layers[number + 1 :])
    return serialized(dataclasses.replace(network, layers=layers))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: b"", "cannot be read as a network of dlib: it is cut short"),
        (lambda: serialized(tiny_network()), r"its layer 1 is con \[2, 3, 3, 1, 1, 0, 0\] of 56 values, expected con "
                                             r"\[32, 7, 7, 2, 2, 0, 0\] of 4736 values"),
        (lambda: with_layer(5, Layer("con", (32, 5, 5, 1, 1, 2, 2), np.zeros(25632, np.float32))),
         r"its layer 6 is con \[32, 5, 5, 1, 1, 2, 2\] of 25632 values, expected con \[32, 3, 3, 1, 1, 1, 1\]"),
        (lambda: with_layer(2, Layer("tag")), "its layer 3 is tag, expected relu"),
        (lambda: serialized(dataclasses.replace(serialized_resnet(DlibResNet(None)), size=(96, 96))),
         r"for other images than dlib's face network: \(96, 96\)"),
        (lambda: serialized(dataclasses.replace(serialized_resnet(DlibResNet(None)), mean=(0.0, 0.0, 0.0))),
         "for other images than dlib's face network"),
        (lambda: serialized(dataclasses.replace(
            (full := serialized_resnet(DlibResNet(None))), layers=full.layers[:-1])), "it has 129 layers, not 130"),
    ],
)  # fmt: skip
def test_a_file_of_another_network_is_refused_in_a_sentence(content, says, tmp_path):
    (tmp_path / "w.dat").write_bytes(content())
    with pytest.raises(UsageError, match=says) as raised:
        DlibResNet(tmp_path / "w.dat")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, r"w\.dat does not exist; correct the path"),
        (lambda path: path.mkdir(), r"w\.dat cannot be read as weights: it is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), r"w\.dat cannot be read as weights: it is a device"),
        (lambda path: path.open("wb").truncate(1 << 30), r"w\.dat cannot be read as weights: "),  # no disk is used
    ],
)
def test_what_is_not_a_file_of_weights_is_refused_in_a_sentence(make, says, tmp_path):
    make(tmp_path / "w.dat")
    with pytest.raises(UsageError, match=says):
        DlibResNet(tmp_path / "w.dat")


def package(folder: Path, content: bytes | None) -> None:
    """A distribution as pip installs it."""
    name = published_weights.PACKAGE.replace("-", "_")
    info = folder / f"{name}-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.2.0\n")
    if content is not None:
        (folder / published_weights.FILE).parent.mkdir(parents=True)
        (folder / published_weights.FILE).write_bytes(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "face-recognition-models-else 0.2.0 has no file face_recognition_models/models/"),
        (b"\x01\x01", "is not the published file .* cut short or of another version: pip install .* --force-reinstall"),
    ],
)
def test_another_package_or_a_file_cut_short_is_refused_in_a_sentence(content, says, tmp_path, monkeypatch):
    monkeypatch.setattr(published_weights, "PACKAGE", "face-recognition-models-else")  # whatever is installed here
    package(tmp_path, content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=says) as raised:
        DlibResNet()
    assert "\n" not in str(raised.value)


def test_without_the_package_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr(published_weights, "PACKAGE", "face-recognition-models-absent")
    with pytest.raises(UsageError) as raised:
        DlibResNet()
    assert str(raised.value) == (
        "the published weights of dlib_resnet are in the package face-recognition-models-absent, which is not "
        "installed: pip install face-recognition-models==0.3.0 (100 MB), or name a file with `weights`"
    )


@pytest.mark.parametrize("size", [102, 1025])
def test_a_size_that_cannot_be_is_refused_in_the_same_words_by_check_and_constructor(size):
    (problem,) = DlibResNet.check({"weights": None}, CheckContext({"image_size": size}))
    assert problem.path == "image_size"
    with pytest.raises(ValueError, match="takes images of 103 to 1024 pixels") as raised:
        DlibResNet(None, image_size=size)
    assert str(raised.value) == problem.message


@pytest.mark.parametrize(
    ("weights", "size", "notes"), [("published", 112, 1), ("published", 150, 0), ("published", None, 0), (None, 112, 0)]
)
def test_the_published_weights_at_another_size_are_noted(weights, size, notes):
    problems = list(DlibResNet.check({"weights": weights}, CheckContext({"image_size": size})))
    assert [problem.note for problem in problems] == [True] * notes
    assert all(f"at {size} they tell people apart much worse" in problem.message for problem in problems)


def test_its_parameters_are_all_annotated():
    parameters = read_parameters(DlibResNet, "backbone")
    assert [p.name for p in parameters if not p.given] == ["weights"]
    assert [p.name for p in parameters if p.given] == ["image_size", "context"]


def test_what_it_ships_is_small_and_holds_numbers_alone():
    folder = read_model_folder(DlibResNet.model_folder)
    assert (folder.weights.kind, folder.input_spec) == ("backbone", DlibResNet(None).input_spec)
    assert folder.decisions.risk is not None
    assert folder.decisions.probe is not None
    assert folder.decisions.risk.people == PEOPLE
    files = [path for path in Path(DlibResNet.model_folder).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert {path.suffix for path in files} <= {".json", ".npz", ".yaml"}


@with_weights
def test_what_it_ships_is_for_the_published_weights():
    assert read_model_folder(DlibResNet.model_folder).weights.sha256 == weights_checksum(DlibResNet())
    assert all(layer.kind for layer in parse_network(published_file().read_bytes()).layers)


@with_weights
@pytest.mark.skipif(not FACES.is_dir(), reason="the real faces are not here")
def test_it_is_dlibs_own_network_on_a_hundred_faces():
    dlib = pytest.importorskip("dlib", reason="dlib-bin is not installed")
    chips = real_chips(100)
    theirs = dlib.face_recognition_model_v1(str(published_file()))
    expected = np.array([theirs.compute_face_descriptor(chip) for chip in chips])
    network = DlibResNet().eval()
    images = torch.from_numpy(chips).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        found = network(normalise(images, network.input_spec)).double().numpy()
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(1) / lengths).min() >= 0.9999
    assert np.abs(found - expected).max() < 1e-4  # before any L2 normalization
    assert np.abs(found - found.mean(0)).max() > 0.1  # and the faces are not one


def real_chips(count: int) -> np.ndarray:
    """Aligned faces of as many people: uint8 RGB ``(n, 150, 150, 3)``."""
    with (FACES / "lfw_landmarks.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    faces = []
    for row in rows[:: len(rows) // count][:count]:
        points = np.array([float(row[name]) for name in LANDMARK_COLUMNS]).reshape(5, 2)
        faces.append(to_canvas(read_image(str(FACES / row["path"])), points, 150, TEMPLATE)[0])
    return torch.stack(faces).permute(0, 2, 3, 1).contiguous().numpy()
