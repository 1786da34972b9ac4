"""facenet-pytorch's network with its true input statistics, embeddings before normalisation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from facenet_pytorch import InceptionResnetV1 as Original
from torch.nn import functional as F

from maskrec.backbones.inception_resnet_v1 import InceptionResnetV1
from maskrec.backbones.pooling import GeM
from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context


@pytest.fixture(scope="module")
def original() -> Original:
    torch.manual_seed(3)
    network = Original(classify=True, num_classes=5).eval()
    with torch.no_grad():
        network.last_bn.running_mean.normal_()
    return network


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def test_weights_from_the_cache_give_the_originals_embeddings(original: Original, cache: Path) -> None:
    folder = cache / "checkpoints"
    folder.mkdir()
    torch.save(original.state_dict(), folder / "20180402-114759-vggface2.pt")
    backbone = InceptionResnetV1(pretrained="vggface2").eval()
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        embeddings = backbone(images)
        original.classify = False
        expected = original(images)
    assert embeddings.shape == (2, backbone.embedding_size)
    assert (embeddings.norm(dim=1) - 1).abs().min() > 0.1  # before L2
    torch.testing.assert_close(F.normalize(embeddings), expected)


def test_known_fault_imagenet_statistics_and_128_pixels(original: Original, tmp_path: Path) -> None:
    """The weights were trained at 160 pixels on (x - 127.5) / 128, on faces cropped by the detector's box."""
    path = tmp_path / "w.pt"
    torch.save({name: value for name, value in original.state_dict().items() if "logits" not in name}, path)
    spec = InceptionResnetV1(pretrained=path).input_spec
    assert (spec.size, spec.alignment, spec.color) == (160, "box", "rgb")
    pixels = torch.tensor([0.0, 127.5, 255.0])
    normalised = (pixels / 255 - spec.mean[0]) / spec.std[0]
    torch.testing.assert_close(normalised, (pixels - 127.5) / 128)


def test_from_random_weights_with_gem_at_another_size() -> None:
    backbone = InceptionResnetV1(pooling="gem", image_size=96, dropout=0.4)
    assert (backbone.input_spec.size, backbone.input_spec.alignment) == (96, "arcface")
    assert isinstance(backbone.network.avgpool_1a, GeM)
    assert backbone.network.dropout.p == 0.4
    embeddings = backbone(torch.randn(2, 3, 75, 75))
    embeddings.square().sum().backward()
    unused = [name for name, weight in backbone.named_parameters() if weight.grad is None]
    assert not unused
    assert "logits" not in str(list(backbone.state_dict()))


@pytest.mark.parametrize("name", ["vggface2", "casia_webface"])
def test_weights_that_are_not_there_are_never_downloaded(name: str, cache: Path) -> None:
    with pytest.raises(UsageError) as error:
        InceptionResnetV1(pretrained=name)  # type: ignore[arg-type]
    text = str(error.value)
    assert "\n" not in text
    for part in (name, ".pt", str(cache / "checkpoints"), "SHA-256", "remove pretrained"):
        assert part in text
    assert not list(cache.iterdir())
    assert InceptionResnetV1(pretrained=name, context=Context(restoring=True)).input_spec.alignment == "box"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dropout", "size", "path"), [(1.0, None, "dropout"), (-0.1, 160, "dropout"), (0.5, 74, "image_size")]
)
def test_out_of_range(dropout: float, size: int | None, path: str) -> None:
    values = {"pretrained": None, "dropout": dropout, "pooling": "avg", "alignment": None}
    (problem,) = InceptionResnetV1.check(values, CheckContext({"image_size": size}))
    assert problem.path == path
    with pytest.raises(ValueError, match=problem.message.split(",")[0].replace("[", r"\[")):
        InceptionResnetV1(dropout=dropout, image_size=size)
