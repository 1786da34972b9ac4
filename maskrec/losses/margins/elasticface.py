"""ElasticFace: the margin ``elastic``, and the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack

import torch
from torch import Tensor

from maskrec.contracts.collectives import gather_rows, rank, row_counts
from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margins.angles import widened
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions

Lowered = Literal["angle", "cosine"]
SPREAD = 0.05
_WIDEST = {"angle": math.pi / 2, "cosine": 2.0}


class Elastic:
    """A margin drawn for each sample at each step, from a normal distribution.

    Boutros et al., "ElasticFace: Elastic Margin Loss for Deep Face Recognition", CVPR Workshops 2022: ElasticFace-Arc
    with ``on: angle``, ElasticFace-Cos with ``on: cosine``, and with ``ranked: true`` their variants with a plus. What
    is drawn belongs to the sample's place in the epoch, as a transform's numbers do. It is held in the range of the
    margin, which is many standard deviations away.

    Args:
        margin: the mean m: an angle in radians in [0, pi / 2), or with ``on: cosine`` a difference in [0, 2).
        spread: the standard deviation sigma, at least 0.
        on: ``angle``: ``cos(theta + margin)`` as in ``arc``; ``cosine``: ``cos(theta) - margin`` as in ``cos``.
        ranked: whether the larger ones of the margins drawn for a batch (of all processes) go to the samples that are
            farther from their class's centre.

    Raises:
        ValueError: a parameter out of range.
    """

    def __init__(
        self, margin: float = 0.5, spread: float = SPREAD, on: Lowered = "angle", ranked: bool = False
    ) -> None:
        refuse(self.check({"margin": margin, "spread": spread, "on": on}, CheckContext()))
        self.margin, self.spread, self.on, self.ranked = margin, spread, on, ranked

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A mean or a spread out of range."""
        margin, on = values["margin"], values["on"]
        if not 0 <= margin < _WIDEST[on]:
            what = "an angle in radians in [0, pi / 2)" if on == "angle" else "a difference of cosines in [0, 2)"
            yield Problem(f"margin is {what} with on: {on}, not {margin}", "margin")
        if not 0 <= values["spread"] < math.inf:
            yield Problem(f"spread must be a finite number of at least 0, not {values['spread']}", "spread")

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with each sample's margin."""
        margins = (self.margin + self.spread * context.draws.normal("margin").to(target.dtype)).clamp(
            0, _WIDEST[self.on]
        )
        if self.ranked:
            margins = larger_where_farther(margins, target.detach())
        return widened(target, margins) if self.on == "angle" else target - margins


def larger_where_farther(margins: Tensor, target: Tensor) -> Tensor:
    """The margins of all processes' samples dealt out anew: the larger, the smaller a sample's cosine.

    Args:
        margins: ``(b,)``, drawn for this process's samples.
        target: ``(b,)``, their cosines to the true class.
    """
    counts = row_counts(target)
    farthest_first = gather_rows(target, counts).argsort(stable=True)
    largest_first = gather_rows(margins, counts).sort(descending=True).values
    dealt = torch.empty_like(largest_first).scatter_(0, farthest_first, largest_first)
    start = sum(counts[: rank()])
    return dealt[start : start + len(margins)]


class ElasticFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, with the margin ``elastic``: drawn for each sample at each step.

    Boutros et al., "ElasticFace: Elastic Margin Loss for Deep Face Recognition", CVPR Workshops 2022: ElasticFace-Arc
    (m 0.5, sigma 0.05; with ``ranked: true`` Arc+, sigma 0.0175), and with ``on: cosine`` ElasticFace-Cos (m 0.35,
    sigma 0.05).

    Args:
        margin: the mean m: an angle in radians in [0, pi / 2), or with ``on: cosine`` a difference in [0, 2).
        spread: the standard deviation sigma, at least 0.
        on: ``angle``: ``cos(theta + margin)``; ``cosine``: ``cos(theta) - margin``.
        ranked: whether the larger ones of the margins drawn for a batch go to the samples farther from their centre.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Elastic

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.5,
        spread: float = SPREAD,
        on: Lowered = "angle",
        ranked: bool = False,
        **options: Unpack[SharedOptions],
    ) -> None:
        part = Elastic(margin, spread, on, ranked)
        super().__init__(embedding_size, num_classes, class_counts, part, scale, **options)
