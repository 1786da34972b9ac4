"""Images as weights expect them, pixel by pixel."""

from __future__ import annotations

import pytest
import torch

from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_against_a_loop(color: str, dtype: torch.dtype) -> None:
    spec = InputSpec(4, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0), color=color)  # type: ignore[arg-type]
    images = torch.rand(2, 3, 3, 5, generator=torch.Generator().manual_seed(0), dtype=dtype)
    before = images.clone()
    result = normalise(images, spec)
    assert result.dtype == dtype
    for b in range(2):
        for c in range(3):
            source = c if color == "rgb" else 2 - c
            for y in range(3):
                for x in range(5):
                    wanted = (float(images[b, source, y, x]) - spec.mean[c]) / spec.std[c]
                    assert abs(float(result[b, c, y, x]) - wanted) < 1e-6
    assert torch.equal(images, before)


def test_facenet_statistics() -> None:
    """(x - 127.5) / 128 of bytes, as facenet's weights were trained with."""
    spec = InputSpec(160, mean=(0.5, 0.5, 0.5), std=(128 / 255,) * 3)
    bytes_ = torch.arange(256, dtype=torch.float64).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert (normalise(bytes_ / 255, spec) - (bytes_ - 127.5) / 128).abs().max() < 1e-12


def test_resizes_only_when_asked() -> None:
    spec = InputSpec(4)
    images = torch.rand(1, 3, 8, 8)
    assert normalise(images, spec).shape == (1, 3, 8, 8)
    smaller = normalise(images, spec, resize=True)
    assert smaller.shape == (1, 3, 4, 4)
    assert abs(float(smaller.mean() - normalise(images, spec).mean())) < 0.1


@pytest.mark.parametrize("images", [torch.zeros(3, 4, 4), torch.zeros(1, 1, 4, 4), torch.zeros(1, 3, 4, 4).byte()])
def test_refuses_other_things(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="float images"):
        normalise(images, InputSpec(4))
