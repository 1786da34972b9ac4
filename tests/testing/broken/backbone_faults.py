"""Backbones, each with one fault."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec import Component, InputSpec, hookimpl

FAILS = {
    "other_size": {"embedding_shape"},
    "plain_means": {"tensors_registered"},
    "unit_length": {"not_normalised"},
    "noise_in_eval": {"deterministic_in_eval_mode", "independent_of_the_batch", "exports_to_onnx"},
    "batch_mean_out": {"independent_of_the_batch"},
    "in_place": {"input_untouched"},
    "bytes_statistics": {"input_spec_complete"},
    "list_statistics": {"input_spec_complete"},
    "one_canvas": {"input_spec_complete"},
    "bessel": {"exports_to_onnx"},
}


@hookimpl
def maskrec_backbones() -> list[Component]:
    return [
        Component("other_size", ":OtherSize", "returns more numbers than it says"),
        Component("plain_means", ":PlainMeans", "keeps a tensor as a plain attribute"),
        Component("unit_length", ":UnitLength", "normalises its embeddings"),
        Component("noise_in_eval", ":NoiseInEval", "adds noise in eval mode too"),
        Component("batch_mean_out", ":BatchMeanOut", "subtracts the batch's mean"),
        Component("in_place", ":InPlace", "changes its input"),
        Component("bytes_statistics", ":BytesStatistics", "has statistics of values up to 255"),
        Component("list_statistics", ":ListStatistics", "has statistics in lists"),
        Component("one_canvas", ":OneCanvas", "says 32 pixels, whatever it is built for"),
        Component("bessel", ":Bessel", "uses an operator that ONNX lacks"),
    ]


class Plain(nn.Module):
    """A convolution and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_size = 8
        self.input_spec = InputSpec(size=32)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4, bias=False), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).mean(dim=(2, 3))


class OtherSize(Plain):
    """Returns more numbers than it says."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_size = 7


class PlainMeans(Plain):
    """Subtracts means that stay on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.means = torch.rand(3, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - self.means)


class UnitLength(Plain):
    """Normalises its embeddings."""

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(super().forward(images))


class NoiseInEval(Plain):
    """Adds noise in eval mode too."""

    def forward(self, images: Tensor) -> Tensor:
        embeddings = super().forward(images)
        return embeddings + 0.1 * torch.rand_like(embeddings)


class BatchMeanOut(Plain):
    """Subtracts the batch's mean."""

    def forward(self, images: Tensor) -> Tensor:
        embeddings = super().forward(images)
        return embeddings - 0.5 * embeddings.mean(dim=0)


class InPlace(Plain):
    """Changes its input."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.relu_())


class BytesStatistics(Plain):
    """Has the deviation of values up to 255."""

    def __init__(self) -> None:
        super().__init__()
        self.input_spec = InputSpec(size=32, std=(128.0, 128.0, 128.0))


class ListStatistics(Plain):
    """Has statistics in lists."""

    def __init__(self) -> None:
        super().__init__()
        self.input_spec = InputSpec(size=32, mean=[0.5, 0.5, 0.5])


class OneCanvas(Plain):
    """Says 32 pixels, whatever it is built for.

    Args:
        image_size: ignored.
    """

    def __init__(self, image_size: int | None = None) -> None:
        super().__init__()


class Bessel(Plain):
    """Uses an operator that ONNX lacks."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.special.bessel_j0(super().forward(images))
