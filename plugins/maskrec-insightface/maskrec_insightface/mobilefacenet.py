"""MobileFaceNet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import Problem
from maskrec_insightface.weight_names import load_plain

SIZE = 112
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Expansion, channels, repeats and the first block's stride, as in the paper's table 1.
BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


class MobileFaceNet(nn.Module):
    """MobileFaceNet with 128-d embeddings (1.02 million parameters).

    Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices", CCBR 2018,
    with ReLU in the first depthwise convolution and ReLU6 elsewhere where the paper has PReLU, and a bias before the
    last batch norm: the form, and the names of the tensors, of the weights of foamliu/MobileFaceNet (Apache-2.0),
    trained without masks on RGB faces of 112 pixels, aligned to ArcFace's template, with ImageNet's mean and deviation.

    Args:
        weights: this network's state_dict as safetensors, or as a torch file with tensors only; None starts from
            random weights.
        freeze_norm: whether the batch norms keep their statistics during training, which keeps a network near its
            starting weights. Their scales and biases are trained in both cases.
        image_size: must be 112 or None, since the global convolution covers 7 x 7 cells of 16 pixels.
        context: while a checkpoint is being opened, the weights are not loaded.

    Raises:
        UsageError: the weights cannot be read or do not fit.
        ValueError: another image size, or frozen statistics of random weights.
    """

    embedding_size = 128

    def __init__(
        self,
        weights: Path | None = None,
        freeze_norm: bool = False,
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        for problem in _problems({"weights": weights, "freeze_norm": freeze_norm}, image_size):
            raise ValueError(problem.message)
        self.input_spec = InputSpec(SIZE, IMAGENET_MEAN, IMAGENET_STD, "rgb", "arcface")
        self.freeze_norm = freeze_norm
        self.conv1 = _convolution(3, 64, 3, stride=2)
        self.dw_conv = _separable(64)
        self.features = nn.Sequential(*_bottlenecks(64))
        self.conv2 = _convolution(128, 512, 1)
        self.gdconv = nn.Sequential(
            OrderedDict(depthwise=nn.Conv2d(512, 512, 7, groups=512, bias=False), bn=nn.BatchNorm2d(512))
        )
        self.conv3 = nn.Conv2d(512, self.embedding_size, 1)
        self.bn = nn.BatchNorm1d(self.embedding_size)
        if weights is not None and not (context and context.restoring):
            load_plain(self, weights)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report an image size other than 112, and frozen statistics of random weights."""
        yield from _problems(values, context.givens.get("image_size"))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, 112, 112)`` to embeddings ``(B, 128)`` before L2."""
        maps = self.conv2(self.features(self.dw_conv(self.conv1(images))))
        embeddings: Tensor = self.bn(self.conv3(self.gdconv(maps)).flatten(1))
        return embeddings

    def train(self, mode: bool = True) -> MobileFaceNet:
        """Like ``nn.Module.train``; frozen batch norms stay in eval mode."""
        super().train(mode)
        if self.freeze_norm:
            for module in self.modules():
                if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    module.eval()
        return self


class Bottleneck(nn.Module):
    """Widen by 1 x 1, convolve each channel by 3 x 3, narrow by 1 x 1; added to its input where shapes allow."""

    def __init__(self, channels: int, out: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.conv = nn.Sequential(
            _convolution(channels, wide, 1),
            _convolution(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.adds = stride == 1 and channels == out

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h / stride, w / stride)``."""
        changed: Tensor = self.conv(maps)
        return maps + changed if self.adds else changed


def _bottlenecks(channels: int) -> Iterator[Bottleneck]:
    for expansion, out, repeats, stride in BOTTLENECKS:
        for repeat in range(repeats):
            yield Bottleneck(channels, out, expansion, stride if repeat == 0 else 1)
            channels = out


def _convolution(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(inplace=True),
    )


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            depthwise=nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            bn1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(inplace=True),
            pointwise=nn.Conv2d(channels, channels, 1, bias=False),
            bn2=nn.BatchNorm2d(channels),
            relu2=nn.ReLU(inplace=True),
        )
    )


def _problems(values: Mapping[str, Any], image_size: int | None) -> Iterator[Problem]:
    if image_size not in (None, SIZE):
        yield Problem(f"mobilefacenet takes images of {SIZE} pixels, not {image_size}; remove image_size", "image_size")
    if values["freeze_norm"] and values["weights"] is None:
        yield Problem("freeze_norm keeps the statistics of weights, but no weights are given", "freeze_norm")
