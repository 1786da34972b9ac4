"""MobileFaceNet as InsightFace trains it: ``mbf`` and ``mbf_large``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import Problem, refuse
from maskrec_insightface.weight_names import load_plain

SIZE = 112
_LAST = 512  # channels before the embedding


class Mbf(nn.Module):
    """InsightFace's MobileFaceNet with 512-d embeddings: ``mbf`` (2.1 million parameters) or ``mbf_large`` (6.3).

    Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices", CCBR 2018,
    with two or four times its channels between the blocks. The embedding is the output of the last batch norm, before
    any L2 normalisation. The names of the tensors are InsightFace's.

    Args:
        weights: a state_dict as safetensors, or as a torch file with tensors only; None starts from random weights.
        large: whether it is ``mbf_large``: twice the channels of ``mbf``, and twice its blocks.
        embedding_size: of the last linear layer.
        image_size: must be 112 or None, since the global convolution covers 7 x 7 cells of 16 pixels.
        context: while a checkpoint is being opened, the weights are not loaded.

    Raises:
        UsageError: the weights cannot be read or do not fit.
        ValueError: another image size, or an embedding size below 1.
    """

    def __init__(
        self,
        weights: Path | None = None,
        large: bool = False,
        embedding_size: int = 512,
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        refuse(_problems({"embedding_size": embedding_size}, image_size))
        self.input_spec = InputSpec(SIZE, alignment="arcface")
        self.embedding_size = embedding_size
        scale, blocks = (4, (2, 8, 12, 4)) if large else (2, (1, 4, 6, 2))
        narrow, wide = 64 * scale, 128 * scale
        self.layers = nn.ModuleList([
            _Convolution(3, narrow, 3, 2),
            Residual(narrow, blocks[0], 128) if blocks[0] > 1 else _Convolution(narrow, narrow, 3, groups=64),
            DepthWise(narrow, narrow, 128, 2),
            Residual(narrow, blocks[1], 128),
            DepthWise(narrow, wide, 256, 2),
            Residual(wide, blocks[2], 256),
            DepthWise(wide, wide, 512, 2),
            Residual(wide, blocks[3], 256),
        ])  # fmt: skip
        self.conv_sep = _Convolution(wide, _LAST, 1)
        self.features = _Layers(
            _Convolution(_LAST, _LAST, 7, groups=_LAST, padding=0, active=False),
            nn.Flatten(),
            nn.Linear(_LAST, embedding_size, bias=False),
            nn.BatchNorm1d(embedding_size),
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if weights is not None and not (context and context.restoring):
            load_plain(self, weights)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report an image size other than 112, and an embedding size below 1."""
        yield from _problems(values, context.givens.get("image_size"))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, 112, 112)`` to embeddings ``(B, embedding_size)`` before L2."""
        maps = images
        for part in self.layers:
            maps = part(maps)
        embeddings: Tensor = self.features(self.conv_sep(maps))
        return embeddings

    def blocks(self) -> list[nn.Module]:
        """The parts that the images go through one after another, up to the global convolution."""
        return [block for part in self.layers for block in (part.layers if isinstance(part, Residual) else [part])]


class _Layers(nn.Module):
    """A sequence by the name ``layers``."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.layers(maps)
        return found


class _Convolution(_Layers):
    """Convolution, batch norm and, where ``active``, PReLU."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        active: bool = True,
    ) -> None:
        border = kernel // 2 if padding is None else padding
        super().__init__(
            nn.Conv2d(channels, out, kernel, stride, border, groups=groups, bias=False),
            nn.BatchNorm2d(out),
            *([nn.PReLU(out)] if active else []),
        )


class DepthWise(_Layers):
    """Widen by 1 x 1, convolve each channel by 3 x 3, narrow by 1 x 1; ``adds`` says whether its input is added."""

    def __init__(self, channels: int, out: int, wide: int, stride: int = 1, adds: bool = False) -> None:
        super().__init__(
            _Convolution(channels, wide, 1),
            _Convolution(wide, wide, 3, stride, groups=wide),
            _Convolution(wide, out, 1, active=False),
        )
        self.adds = adds

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h / stride, w / stride)``."""
        changed = super().forward(maps)
        return maps + changed if self.adds else changed


class Residual(_Layers):
    """Several such blocks of one size, each added to its input."""

    def __init__(self, channels: int, count: int, wide: int) -> None:
        super().__init__(*(DepthWise(channels, channels, wide, adds=True) for _ in range(count)))


def _problems(values: Mapping[str, Any], image_size: int | None) -> Iterator[Problem]:
    if image_size not in (None, SIZE):
        yield Problem(f"mbf takes images of {SIZE} pixels, not {image_size}; remove image_size", "image_size")
    if values["embedding_size"] < 1:
        yield Problem(f"embedding_size must be at least 1, not {values['embedding_size']}", "embedding_size")
