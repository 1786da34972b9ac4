"""Models as one file: the same embeddings as the network, the thresholds inside, nothing half written."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors import safe_open
from small_recipe import PIECES
from torch import nn

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.export_model import export
from maskrec.inference.exported.export_parity import ComparedFaces, compare
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.exported.onnx_safety import check_onnx
from maskrec.inference.exported.run_export import cartoon_faces, faces_of_run, provenance_of
from maskrec.inference.model import Model, frozen_model
from maskrec.inference.open_model import open_model
from maskrec.plugin.host import discover

Train = Callable[..., Path]


def timm(model: str, **parameters: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from maskrec.backbones.timm_backbone import TimmBackbone

        return TimmBackbone(model, **{"embedding_size": 16, "image_size": 64, **parameters})

    return build


def inception() -> nn.Module:
    from maskrec.backbones.inception_resnet_v1 import InceptionResnetV1

    return InceptionResnetV1(image_size=96, pooling="gem")


def se_resnext101() -> nn.Module:
    from maskrec.backbones.timm_backbone import se_resnext101 as build

    return build(image_size=64)


def mobilefacenet() -> nn.Module:
    from maskrec_insightface.mobilefacenet import MobileFaceNet

    return MobileFaceNet()


NETWORKS = {
    "convolutions": timm("test_resnet"),
    "gem": timm("test_efficientnet", pooling="gem"),
    "without neck": timm("test_convnext", neck="none", embedding_size=None),
    "transformer": timm("test_vit", image_size=160),
    "mobilefacenet": mobilefacenet,
}
LARGE = {
    "inception_resnet_v1": inception,
    "se_resnext101": se_resnext101,
    "resnet50": timm("resnet50"),
    "efficientnet_b3": timm("efficientnet_b3", image_size=96),
    "mobilenetv3_small_050": timm("mobilenetv3_small_050"),
    "convnext_atto": timm("convnext_atto", image_size=96),
    "swin_tiny": timm("swin_tiny_patch4_window7_224", image_size=224),
    "ghostnet_050": timm("ghostnet_100"),
}


def used(build: Callable[[], nn.Module]) -> Model:
    """A network whose batch norms have seen images, so that their statistics are not 0 and 1."""
    torch.manual_seed(0)
    network = build()
    size = network.input_spec.size  # type: ignore[union-attr]
    with torch.no_grad():
        for _ in range(20):  # until the statistics are those of the images
            network.train()(torch.randn(4, 3, 1, 1) + torch.randn(4, 3, size, size))
    return frozen_model(network, "the network")


def faces(model: Model, count: int = 5) -> ComparedFaces:
    side = model.spec.size
    rng = np.random.default_rng(0)
    canvases = np.kron(rng.integers(0, 200, (count, 4, 4, 3)), np.ones((1, side // 4, side // 4, 1), np.int64))
    canvases = (canvases + rng.integers(0, 56, canvases.shape)).astype(np.uint8)
    indices = np.arange(count - 1)
    return ComparedFaces(canvases, "noise", indices, indices + 1, indices % 2 == 0)


def embed_plainly(model: Model, canvases: np.ndarray) -> np.ndarray:
    """In float64, by hand: an answer that neither normalization nor batches of the code under test have a part in."""
    mean, std = np.array(model.spec.mean), np.array(model.spec.std)
    images = ((canvases / 255 - mean) / std).transpose(0, 3, 1, 2)
    network = model.network.double()
    with torch.no_grad():
        rows = torch.cat([network(torch.from_numpy(image[None])) for image in images]).numpy()
    network.float()
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def check_export(model: Model, out: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parity = export(model, Decisions(), out, lambda: faces(model))
    assert parity is not None
    assert parity.largest < 1e-4
    assert parity.accuracy is not None
    compared = faces(model).canvases
    expected = embed_plainly(model, compared)
    network = OnnxNetwork(out)
    for count in (1, 5):
        rows = network.embed(compared[:count])
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        assert np.linalg.norm(units - expected[:count], axis=1).max() < 1e-4
    assert np.linalg.norm(expected[0] - expected[1]) > 2e-3
    assert (network.embedding_size, network.one_by_one) == (model.network.embedding_size, False)
    onnx.checker.check_model(onnx.load_model_from_string(out.read_bytes()), full_check=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_exported_and_agrees(name: str, tmp_path: Path) -> None:
    check_export(used(NETWORKS[name]), tmp_path / "net.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_large_network_is_exported_and_agrees(name: str, tmp_path: Path) -> None:
    check_export(used(LARGE[name]), tmp_path / "net.onnx")


class Odd(nn.Module):
    """A network that a trace does not describe."""

    embedding_size, input_spec = 4, InputSpec(8)

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.weight = what, nn.Parameter(torch.randn(192, 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(1)
        if self.what == "unknown operator":
            flat = torch.special.bessel_j0(flat)
        if self.what == "branch" and bool(flat.abs().max() > 0):  # not of the example, which is zeros
            flat = flat.flip(1)
        rows = flat @ self.weight
        return rows * float("nan") if self.what == "nan" else rows


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("unknown operator", "the network: torch cannot export its network to ONNX .*bessel_j0.*safetensors instead"),
        ("branch", "differ by at most .* on 5 faces .noise.; accuracy .* 1e-04 is too much, and nothing was written"),
        ("nan", "not finite"),
    ],
)
def test_a_network_whose_file_would_differ_is_not_written(what: str, said: str, tmp_path: Path) -> None:
    model = frozen_model(Odd(what), "the network")
    with pytest.raises(MaskrecError, match=said) as caught:
        export(model, Decisions(), tmp_path / "net.onnx", lambda: faces(model))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_how_far_two_networks_agree_is_counted(tmp_path: Path) -> None:
    """Of the file's embeddings one is turned by a known angle."""
    model = frozen_model(Odd(""), "the network")
    export(model, Decisions(), tmp_path / "net.onnx", lambda: faces(model))
    network = OnnxNetwork(tmp_path / "net.onnx")
    embed = network.embed

    def turned(canvases: np.ndarray) -> np.ndarray:
        rows = embed(canvases).astype(np.float64)
        across = np.array([-rows[2, 1], rows[2, 0], -rows[2, 3], rows[2, 2]])
        rows[2] = rows[2] + 5e-5 * across
        return rows

    network.embed = turned  # type: ignore[method-assign,assignment]
    assert compare(model, network, faces(model)).largest == pytest.approx(5e-5, rel=0.02)


def test_pairs_are_decided_by_both_at_the_networks_threshold(tmp_path: Path) -> None:
    model = frozen_model(Odd(""), "the network")
    compared = faces(model, 6)
    rows = embed_plainly(model, compared.canvases)
    left, right = np.triu_indices(6, 1)
    distances = np.linalg.norm(rows[left] - rows[right], axis=1)
    same = distances < np.sort(distances)[6]  # six pairs are nearer than all others
    same[np.argsort(distances)[3]] = False  # and one of them is of two people
    pairs = ComparedFaces(compared.canvases, "noise", left, right, same)
    parity = export(model, Decisions(), tmp_path / "net.onnx", lambda: pairs)
    assert parity is not None
    assert parity.accuracy == (14 / 15, 14 / 15)
    assert str(parity).endswith(" on 6 faces (noise); accuracy 0.9333 and 0.9333 on 15 pairs of them")
    alone = ComparedFaces(compared.canvases, "noise", left, right, np.ones(15, bool))
    assert compare(model, OnnxNetwork(tmp_path / "net.onnx"), alone).accuracy is None


def test_places_that_cannot_be_written_are_refused_before_anything_else(tmp_path: Path) -> None:
    model = frozen_model(Odd("unknown operator"), "the network")
    (tmp_path / "there.onnx").write_bytes(b"x")
    (tmp_path / "folder.onnx").mkdir()
    for name, said in [
        ("net.pt", r"must end in \.onnx or \.safetensors"),
        ("there.onnx", "already exists"),
        ("folder.onnx", "already exists"),
        ("absent/net.onnx", "absent is not a folder"),
    ]:
        with pytest.raises(UsageError, match=said):
            export(model, Decisions(), tmp_path / name, lambda: faces(model))
    assert (tmp_path / "there.onnx").read_bytes() == b"x"


DECISIONS = Decisions(
    thresholds={"held_out.bare": Threshold(1.1, "l2", True, "s", 1e-3)},
    measured_on="pairs",
    caveats=("these are cartoon faces",),
)


def test_weights_alone_have_the_same_metadata(tmp_path: Path) -> None:
    model = frozen_model(Odd(""), "the network")
    given: dict[str, Any] = {"licence": "Apache-2.0", "recipe_hash": "a" * 64}
    assert export(model, DECISIONS, tmp_path / "net.safetensors", lambda: faces(model), **given) is None
    export(model, DECISIONS, tmp_path / "net.onnx", lambda: faces(model), **given)
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        assert list(file.keys()) == ["weight"]
        assert torch.equal(file.get_tensor("weight"), model.network.state_dict()["weight"])
        entries = file.metadata()
    assert entries == check_onnx((tmp_path / "net.onnx").read_bytes()).entries
    assert entries["maskrec.licence"] == "Apache-2.0"
    export(model, DECISIONS, tmp_path / "again.safetensors", lambda: faces(model), **given)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "net.safetensors").read_bytes()
    read = OnnxNetwork(tmp_path / "net.onnx").metadata
    assert read.decisions.thresholds == DECISIONS.thresholds
    assert read.decisions.caveats == DECISIONS.caveats


def test_an_onnx_file_is_not_exported_again(tmp_path: Path) -> None:
    model = frozen_model(Odd(""), "the network")
    export(model, Decisions(), tmp_path / "net.onnx", lambda: faces(model))
    opened = open_model(tmp_path / "net.onnx", discover())
    for name in ("again.onnx", "again.safetensors"):
        with pytest.raises(UsageError, match="is an ONNX file already; name the run"):
            export(opened, Decisions(), tmp_path / name, lambda: faces(model))


def test_decisions_that_no_file_could_state_are_refused(tmp_path: Path) -> None:
    model = frozen_model(Odd(""), "the network")
    wrong = Decisions(thresholds={"a.b": Threshold(5.0, "l2", True, "s")})
    with pytest.raises(MaskrecError, match=r"the network cannot be exported: .* is 5\.0"):
        export(model, wrong, tmp_path / "net.onnx", lambda: faces(model))


def test_a_run_is_compared_on_images_of_its_evaluation_and_says_no_path(train: Train, tmp_path: Path) -> None:
    pairs = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 40}
    run = train("run", {"evaluate": {"held_out": {"use": "verification", "pairs": pairs}}})
    catalog = discover([PIECES])
    model = open_model(run, catalog)
    recipe_hash, provenance = provenance_of(run)
    assert recipe_hash == hashlib.sha256((run / "recipe.yaml").read_bytes()).hexdigest()
    assert (provenance["run"], provenance["demo"]) == ("run", False)
    assert set(provenance["data"]) == {"data.labels"}
    compared = faces_of_run(run, catalog, model.spec)
    assert compared.described == "of evaluate.held_out.pairs, an evaluation of the run"
    assert compared.canvases.shape[1:] == (32, 32, 3)
    assert len(np.unique(compared.canvases.reshape(len(compared.canvases), -1), axis=0)) == len(compared.canvases)
    assert compared.same.any()
    assert not compared.same.all()
    decisions = Decisions(thresholds=model.thresholds or {}, measured_on="here")
    parity = export(model, decisions, tmp_path / "net.onnx", lambda: compared, provenance=provenance)
    assert parity is not None
    assert parity.accuracy is not None
    assert parity.accuracy[0] == parity.accuracy[1]
    content = (tmp_path / "net.onnx").read_bytes()
    assert str(tmp_path).encode() not in content
    assert OnnxNetwork(tmp_path / "net.onnx").metadata.decisions.thresholds == model.thresholds
    export(model, decisions, tmp_path / "again.onnx", lambda: compared, provenance=provenance)
    assert (tmp_path / "again.onnx").read_bytes() == content

    record = json.loads((run / "provenance.json").read_text())
    (run / "provenance.json").write_text(json.dumps({**record, "data_root": str(tmp_path / "gone")}))
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace("identities: 20", "identities: 1"))
    assert faces_of_run(run, catalog, model.spec).described.startswith("cartoons; the run's evaluation pairs cannot be")


def test_cartoon_faces_are_of_several_people_and_as_large_as_the_canvas() -> None:
    compared = cartoon_faces(InputSpec(40), "no run")
    assert (compared.canvases.shape, compared.canvases.dtype) == ((32, 40, 40, 3), np.uint8)
    assert (len(compared.same), int(compared.same.sum())) == (32 * 31 // 2, 8 * 6)
    assert compared.described == "cartoons; no run"
