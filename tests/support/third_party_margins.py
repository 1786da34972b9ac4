"""Margins as a plugin's author would write them, given with --plugin: one draws, one uses every optional member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from maskrec import Component, hookimpl
from maskrec.contracts.margin import MarginContext


class Jittered:
    """A cosine margin drawn for each sample.

    Args:
        margin: the mean.
        spread: the standard deviation.
    """

    def __init__(self, margin: float = 0.35, spread: float = 0.05) -> None:
        self.margin, self.spread, self.drawn = margin, spread, 0.0

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines, lowered by what is drawn."""
        drawn = context.draws.normal("margin").to(target.dtype)
        self.drawn = float(drawn.mean())
        return target - (self.margin + self.spread * drawn)

    def diagnostics(self) -> dict[str, float]:
        """The last batch's mean of what was drawn."""
        return {"drawn": self.drawn}


class Everything(nn.Module):
    """A running mean of the norms, hard negatives, a penalty, softplus and a diagnostic.

    Args:
        margin: of the cosine.
    """

    reduction: ClassVar[str] = "softplus_sum"
    mean: Tensor

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin
        self.register_buffer("mean", torch.ones(()))

    def forward(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines, lowered in proportion to the norm."""
        if self.training:
            self.mean.lerp_(context.mean(context.norms).to(self.mean.dtype), 0.5)
        return target - self.margin * context.norms / self.mean

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        """``(B, c)``: those above the target grow."""
        return torch.where(cosines > target[:, None], cosines * 1.5 + 0.1, cosines)

    def penalty(self, context: MarginContext) -> Tensor:
        """``(B,)``: short embeddings cost something."""
        return 0.1 / context.norms

    def diagnostics(self) -> dict[str, float]:
        """The mean norm."""
        return {"norm": float(self.mean)}


@hookimpl
def maskrec_parts() -> Iterator[Component]:
    yield Component("jittered", ":Jittered", "a margin drawn for each sample", part="margin")
    yield Component("everything", ":Everything", "all optional members", part="margin")
