"""A small convolutional network: the least that a backbone needs, with weights of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from maskrec.backbones.weights import load_strictly, read_weights
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import Problem, refuse

SMALLEST = 32  # four strides of 2 leave two places a side
CHANNELS = (32, 64, 96, 128, 192)


class SmallCnn(nn.Module):
    """Five 3 x 3 convolutions with batch norm and ReLU, four of stride 2, then the mean and a linear layer.

    Args:
        weights: this network's state_dict as safetensors, or as a torch file with tensors only; None starts from random
            weights.
        embedding_size: of the embeddings.
        image_size: side of the canvas in pixels, at least 32; None is 112.
        context: while a checkpoint is being opened, the weights are not loaded.

    Raises:
        UsageError: the weights cannot be read or do not fit.
        ValueError: an image size or an embedding size out of range.
    """

    def __init__(
        self,
        weights: Path | None = None,
        embedding_size: int = 128,
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        refuse(_problems({"embedding_size": embedding_size}, image_size))
        self.input_spec = InputSpec(image_size or 112, alignment="arcface")
        self.embedding_size = embedding_size
        self.convolutions = nn.Sequential(*_convolutions())
        self.linear = nn.Linear(CHANNELS[-1], embedding_size, bias=False)
        self.norm = nn.BatchNorm1d(embedding_size)
        if weights is not None and not (context and context.restoring):
            load_strictly(self, read_weights(weights), weights)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report what the constructor would refuse, before anything is built."""
        yield from _problems(values, context.givens.get("image_size"))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, H, W)`` to embeddings ``(B, embedding_size)`` before L2."""
        embeddings: Tensor = self.norm(self.linear(self.convolutions(images).mean((2, 3))))
        return embeddings


def _convolutions() -> Iterator[nn.Module]:
    for number, (channels, out) in enumerate(zip((3, *CHANNELS), CHANNELS, strict=False)):
        stride = 1 if number == 0 else 2
        yield nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
        )


def _problems(values: Mapping[str, Any], image_size: int | None) -> Iterator[Problem]:
    if values["embedding_size"] < 1:
        yield Problem(f"embedding_size must be at least 1, not {values['embedding_size']}", "embedding_size")
    if image_size is not None and image_size < SMALLEST:
        yield Problem(f"small_cnn needs images of at least {SMALLEST} pixels, not {image_size}", "image_size")
