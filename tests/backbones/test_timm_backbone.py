"""timm models by name: layouts, sizes, poolings, weights, mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from maskrec.backbones.pooling import GeM
from maskrec.backbones.timm_backbone import TimmBackbone, se_resnext101
from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context


@pytest.mark.parametrize(
    ("model", "size"),
    [("test_resnet", 64), ("test_vit", 64), ("test_convnext", 64), ("test_efficientnet", 48), ("test_mambaout", 64)],
)
def test_models_of_every_layout(model: str, size: int) -> None:
    backbone = TimmBackbone(model, embedding_size=32, dropout=0.1, image_size=size)
    assert backbone.input_spec.size == size
    embeddings = backbone(torch.randn(3, 3, size, size))
    assert embeddings.shape == (3, 32)
    embeddings.square().sum().backward()
    assert all(weight.grad is not None for weight in backbone.neck.parameters())


@pytest.mark.parametrize("model", ["test_resnet", "test_convnext", "test_efficientnet"])
def test_gem_pools_the_maps_that_the_model_would_average(model: str) -> None:
    torch.manual_seed(0)
    plain = TimmBackbone(model, neck="none", embedding_size=None, image_size=64).eval()
    gem = TimmBackbone(model, pooling="gem", neck="none", embedding_size=None, image_size=64).eval()
    assert gem.embedding_size == plain.embedding_size
    assert isinstance(gem.pooling, GeM)
    assert gem.pooling.p.requires_grad
    maps = gem.trunk(torch.randn(2, 3, 64, 64))
    assert maps.ndim == 4
    with torch.no_grad():
        gem.pooling.p.fill_(1.0)
        torch.testing.assert_close(gem.pooling(maps), maps.clamp(min=1e-6).mean(dim=(2, 3)))


def test_the_neck_is_linear_and_batch_norm_and_dropout_comes_before_it() -> None:
    backbone = TimmBackbone("test_resnet", pooling="gem", embedding_size=512, dropout=0.4)
    linear, norm = backbone.neck
    assert (linear.out_features, norm.num_features, norm.eps) == (512, 512, 1e-3)
    assert backbone.dropout.p == 0.4
    assert backbone.input_spec.size == timm.get_pretrained_cfg("test_resnet").input_size[-1]


def test_the_models_own_input_statistics() -> None:
    for model in ("test_resnet", "resnet18.a1_in1k"):
        settings = timm.get_pretrained_cfg(model)
        backbone = TimmBackbone(model, alignment="box", image_size=64)
        assert backbone.input_spec.mean == tuple(settings.mean)
        assert backbone.input_spec.std == tuple(settings.std)
        assert backbone.input_spec.alignment == "box"


def test_same_seed_same_weights_and_building_draws_the_same_afterwards() -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append((TimmBackbone("test_resnet").state_dict(), torch.rand(3)))
    assert all(torch.equal(value, made[1][0][name]) for name, value in made[0][0].items())
    assert torch.equal(made[0][1], made[1][1])
    assert all(module.training for module in TimmBackbone("test_resnet").modules())


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"model": "tset_resnet"}, "model", "did you mean test_resnet"),
    ({"model": "test_resnet.nonesuch"}, "model", "test_resnet.r160_in1k"),
    ({"model": "hf-hub:someone/model"}, "model", "timm has no model"),
    ({"model": "local-dir:/tmp"}, "model", "timm has no model"),
    ({"neck": "none"}, "embedding_size", "no effect"),
    ({"embedding_size": None}, "embedding_size", "at least 1"),
    ({"embedding_size": 0}, "embedding_size", "at least 1"),
    ({"dropout": 1.0}, "dropout", "probability"),
]


@pytest.mark.parametrize(("options", "path", "says"), BAD)
def test_a_wrong_parameter_is_one_sentence(options: dict[str, Any], path: str, says: str) -> None:
    values = {"model": "test_resnet", "neck": "linear_bn", "embedding_size": 512, "dropout": 0.0} | options
    (problem,) = TimmBackbone.check(values, CheckContext())
    assert problem.path == path
    with pytest.raises(ValueError, match=says) as error:
        TimmBackbone(**values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "test_vit", "pooling": "gem"}, "gem needs feature maps"),
        ({"model": "test_mambaout", "pooling": "gem", "image_size": 64}, "gem needs feature maps"),
        ({"model": "test_vit", "image_size": 63}, "does not support images of 63 pixels|cannot build test_vit"),
        ({"model": "inception_v3", "image_size": 32}, "does not support images of 32 pixels"),
        ({"model": "mvitv2_tiny", "image_size": 63}, "does not support images of 63 pixels: IndexError.*to 64 or 224,"),
        ({"model": "gcvit_xxtiny", "image_size": 16}, "cannot build gcvit_xxtiny .*image_size to 32 or 224,"),
    ],
)
def test_what_a_model_cannot_do_is_one_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        TimmBackbone(**options)
    assert "\n" not in str(error.value)


@pytest.fixture
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


@pytest.mark.parametrize("pooling", ["avg", "gem"])
def test_weights_of_a_local_file_without_their_classifier(pooling: Any, tmp_path: Path) -> None:
    torch.manual_seed(1)
    whole = timm.create_model("test_resnet", num_classes=1000)
    path = tmp_path / "w.safetensors"
    save_file(whole.state_dict(), path)
    backbone = TimmBackbone("test_resnet", pretrained=path, pooling=pooling, neck="none", embedding_size=None).eval()
    trunk = backbone.trunk.state_dict()
    assert all(torch.equal(trunk[name], value) for name, value in whole.state_dict().items() if name in trunk)
    images = torch.randn(1, 3, 64, 64)
    if pooling == "avg":
        expected = whole.eval().forward_head(whole.forward_features(images), pre_logits=True)
        torch.testing.assert_close(backbone(images), expected)


def test_position_embeddings_are_brought_to_another_image_size(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(timm.create_model("test_vit").state_dict(), path)
    assert TimmBackbone("test_vit", pretrained=path, image_size=96)(torch.randn(2, 3, 96, 96)).shape == (2, 512)


@pytest.mark.parametrize("fault", ["missing", "extra", "another_model"])
def test_a_file_that_does_not_fit_is_refused(fault: str, tmp_path: Path) -> None:
    weights = timm.create_model("test_resnet").state_dict()
    if fault == "missing":
        del weights["conv1.0.weight"]
    elif fault == "extra":
        weights["adapter.weight"] = torch.zeros(1)
    else:
        weights = timm.create_model("test_vit").state_dict()
    path = tmp_path / "w.pt"
    torch.save(weights, path)
    with pytest.raises(UsageError, match="does not fit") as error:
        TimmBackbone("test_resnet", pretrained=path)
    assert "\n" not in str(error.value)


def test_weights_in_the_hub_cache_are_found(empty_caches: Path) -> None:
    repository = timm.get_pretrained_cfg("test_resnet").hf_hub_id.replace("/", "--")
    snapshot = empty_caches / "hub" / f"models--{repository}" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    torch.manual_seed(9)
    whole = timm.create_model("test_resnet")
    save_file(whole.state_dict(), snapshot / "model.safetensors")
    backbone = TimmBackbone("test_resnet", pretrained=True)
    assert torch.equal(backbone.trunk.state_dict()["conv1.0.weight"], whole.state_dict()["conv1.0.weight"])


def test_weights_that_are_not_there_are_never_downloaded(empty_caches: Path) -> None:
    with pytest.raises(UsageError) as error:
        TimmBackbone("test_resnet", pretrained=True)
    text = str(error.value)
    assert "\n" not in text
    for part in ("test_resnet", "model.safetensors", str(empty_caches / "hub"), "SHA-256", "remove pretrained"):
        assert part in text
    assert not list(empty_caches.iterdir())
    TimmBackbone("test_resnet", pretrained=True, context=Context(restoring=True))
    with pytest.raises(UsageError, match="has no weights"):
        TimmBackbone("resnet200", pretrained=True)


def test_se_resnext101_is_the_reference_model() -> None:
    backbone = se_resnext101(image_size=32)
    assert backbone.trunk.pretrained_cfg["architecture"] == "seresnext101_32x4d"
    assert isinstance(backbone.pooling, GeM)
    assert backbone.pooling.p.tolist() == [3.0]
    assert (backbone.embedding_size, backbone.dropout.p) == (512, 0.4)
    assert backbone.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 512)


def plain_se_resnext101(w: dict[str, Tensor], images: Tensor) -> Tensor:
    """The papers' network in float64, one operation after another: 3, 4, 23 and 3 bottlenecks of 32 groups."""

    def norm(maps: Tensor, name: str, eps: float = 1e-5) -> Tensor:
        mean, variance, scale, shift = (
            w[f"{name}.{each}"].view(1, -1, *[1] * (maps.ndim - 2))
            for each in ("running_mean", "running_var", "weight", "bias")
        )
        return (maps - mean) / (variance + eps).sqrt() * scale + shift

    def excited(maps: Tensor, name: str) -> Tensor:
        squeezed = maps.sum(dim=(2, 3)) / (maps.shape[2] * maps.shape[3])
        hidden = (squeezed @ w[f"{name}.fc1.weight"].flatten(1).T + w[f"{name}.fc1.bias"]).clamp(min=0)
        gates = 1 / (1 + (-(hidden @ w[f"{name}.fc2.weight"].flatten(1).T + w[f"{name}.fc2.bias"])).exp())
        return maps * gates[:, :, None, None]

    maps = norm(F.conv2d(images, w["trunk.conv1.weight"], stride=2, padding=3), "trunk.bn1").clamp(min=0)
    maps = F.max_pool2d(maps, 3, 2, 1)
    for stage, blocks in enumerate((3, 4, 23, 3), start=1):
        for block in range(blocks):
            name, stride = f"trunk.layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = norm(F.conv2d(maps, w[f"{name}.conv1.weight"]), f"{name}.bn1").clamp(min=0)
            inner = F.conv2d(inner, w[f"{name}.conv2.weight"], stride=stride, padding=1, groups=32)
            inner = norm(inner, f"{name}.bn2").clamp(min=0)
            inner = excited(norm(F.conv2d(inner, w[f"{name}.conv3.weight"]), f"{name}.bn3"), f"{name}.se")
            if block == 0:
                shortcut = F.conv2d(maps, w[f"{name}.downsample.0.weight"], stride=stride)
                maps = norm(shortcut, f"{name}.downsample.1")
            maps = (maps + inner).clamp(min=0)
    p = w["pooling.p"]
    pooled = (maps.clamp(min=1e-6) ** p).mean(dim=(2, 3)) ** (1 / p)
    return norm(pooled @ w["neck.0.weight"].T, "neck.1", eps=1e-3)


def test_se_resnext101_with_gem_and_neck_equals_the_papers_in_float64() -> None:
    torch.manual_seed(4)
    backbone = se_resnext101(image_size=64).double().eval()
    with torch.no_grad():
        for name, value in backbone.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(std=0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.ndim == 1 and value.is_floating_point() and name != "pooling.p":
                value.add_(0.1 * torch.randn_like(value))
        images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
        expected = plain_se_resnext101(backbone.state_dict(), images)
        found = backbone(images)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))
