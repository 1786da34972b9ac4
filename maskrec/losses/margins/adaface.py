"""AdaFace: the margin ``adaptive``, and the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margins.angles import turned_and_held
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions

CONCENTRATION, MOMENTUM = 0.333, 0.99
LEAST_SPREAD = 1e-3  # of lengths that are nearly equal
FIRST_MEAN, FIRST_SPREAD = 20.0, 100.0  # of the authors' program: at first all embeddings count as average ones


class Adaptive(nn.Module):
    """A margin that depends on the embedding's length, which stands for the photo's quality.

    Kim, Jain and Liu, "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022. With the length's deviation
    ``z = (length - mean) / spread * concentration``, held in [-1, 1] and without gradient, ``cos(theta)`` becomes
    ``cos(theta - margin * z) - margin * (1 + z)``: for good photos (z = 1) easy and hard faces count most, for bad ones
    (z = -1) hard ones count little. The angle ``theta - margin * z`` is held in [0, pi].

    Mean and spread (the standard deviation) of the lengths are running ones over the batches of all processes. They
    begin at 20 and 100. A batch of one sample has no spread and moves the mean only.

    Args:
        margin: m in radians, in [0, pi / 2).
        concentration: h, above 0: 0.333 puts two thirds of the lengths within a third of the range of z.
        momentum: how much of mean and spread is kept at each step, in [0, 1).

    Raises:
        ValueError: a parameter out of range.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, margin: float = 0.4, concentration: float = CONCENTRATION, momentum: float = MOMENTUM) -> None:
        super().__init__()
        values = {"margin": margin, "concentration": concentration, "momentum": momentum}
        refuse(self.check(values, CheckContext()))
        self.margin, self.concentration, self.momentum = margin, concentration, momentum
        self.register_buffer("mean", torch.tensor(FIRST_MEAN))
        self.register_buffer("spread", torch.tensor(FIRST_SPREAD))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range."""
        if not 0 <= values["margin"] < math.pi / 2:
            yield Problem(f"margin is an angle in radians in [0, pi / 2), not {values['margin']}", "margin")
        if not 0 < values["concentration"] < math.inf:
            message = f"concentration must be a finite number above 0, not {values['concentration']}"
            yield Problem(message, "concentration")
        if not 0 <= values["momentum"] < 1:
            yield Problem(f"momentum must be in [0, 1), not {values['momentum']}", "momentum")

    def forward(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with the margin."""
        lengths = context.norms.detach()
        if self.training:
            self._look(lengths, context)
        spread = self.spread.to(target.dtype).clamp(min=LEAST_SPREAD)
        deviation = ((lengths - self.mean.to(target.dtype)) / spread * self.concentration).clamp(-1, 1)
        return turned_and_held(target, -self.margin * deviation) - self.margin * (1 + deviation)

    @torch.no_grad()
    def _look(self, lengths: Tensor, context: MarginContext) -> None:
        """Move mean and spread towards those of the batch."""
        mean, spread = context.mean(lengths), context.deviation(lengths)
        self.mean.lerp_(mean.to(self.mean.dtype), 1 - self.momentum)
        spread = torch.where(spread.isnan() & ~mean.isnan(), self.spread, spread.to(self.spread.dtype))
        self.spread.lerp_(spread, 1 - self.momentum)

    def diagnostics(self) -> dict[str, Tensor]:
        """``mean`` and ``spread`` of the embeddings' lengths, as they are used."""
        return {"mean": self.mean, "spread": self.spread}


class AdaFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, with the margin ``adaptive``: larger for better photos.

    Kim, Jain and Liu, "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022. The length of an embedding
    stands for the photo's quality, so the backbone must not normalise its output.

    Args:
        margin: m in radians, in [0, pi / 2).
        concentration: h, above 0: how soon a length counts as far from the mean.
        momentum: how much of the lengths' running mean and spread is kept at each step, in [0, 1).

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Adaptive

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.4,
        concentration: float = CONCENTRATION,
        momentum: float = MOMENTUM,
        **options: Unpack[SharedOptions],
    ) -> None:
        part = Adaptive(margin, concentration, momentum)
        super().__init__(embedding_size, num_classes, class_counts, part, scale, **options)
