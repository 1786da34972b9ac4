"""ArcFace: the margin ``arc``, the loss, and the loss with several centres a person."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

import torch
from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.heads.class_centres import ClassCentres
from maskrec.losses.margins.angles import widened
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions


class Arc:
    """Additive angular margin: ``cos(theta)`` becomes ``cos(theta + margin)``.

    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019. Beyond theta = pi - margin,
    where ``cos(theta + margin)`` would rise again, it becomes ``cos(theta) - margin * sin(margin)``.

    Args:
        margin: m in radians, in [0, pi / 2).
        easy_margin: the margin only where theta is below 90 degrees; elsewhere the plain cosine.

    Raises:
        ValueError: the margin is out of range.
    """

    def __init__(self, margin: float = 0.5, easy_margin: bool = False) -> None:
        refuse(self.check({"margin": margin}, CheckContext()))
        self.margin, self.easy_margin = margin, easy_margin

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A margin out of range."""
        if not 0 <= values["margin"] < math.pi / 2:
            yield Problem(f"margin is an angle in radians in [0, pi / 2), not {values['margin']}", "margin")

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines with the margin; their gradients are finite at -1 and 1 too."""
        moved = widened(target, self.margin)
        return torch.where(target > 0, moved, target) if self.easy_margin else moved


class ArcFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, the true class's angle widened by a margin.

    The true class's logit is ``scale * cos(theta + margin)``, the others' ``scale * cos(theta)`` (Deng et al.,
    "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019). Beyond theta = pi - margin, where
    ``cos(theta + margin)`` would rise again, the true class's is ``scale * (cos(theta) - margin * sin(margin))``.

    Args:
        margin: m in radians, in [0, pi / 2).
        easy_margin: the margin only where theta is below 90 degrees; elsewhere the plain cosine.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Arc

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.5,
        easy_margin: bool = False,
        **options: Unpack[SharedOptions],
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Arc(margin, easy_margin), scale, **options)


class SubcenterArcFace(NamedMarginLoss):
    """ArcFace with several centres a class, of which the nearest one counts.

    Deng et al., "Sub-center ArcFace: Boosting Face Recognition by Large-scale Noisy Web Faces", ECCV 2020. A class's
    cosine is the largest one to its centres, so that unlike or wrongly labelled photos gather around a centre of their
    own and do not pull at the main one.

    Args:
        margin: m in radians, in [0, pi / 2).
        centres_per_class: K, at least 1; 1 is ``arcface``. Memory and arithmetic for the centres are K times as large.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Arc

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.5,
        centres_per_class: int = 3,
        **options: Unpack[SharedOptions],
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Arc(margin), scale, centres_per_class, **options)

    @classmethod
    def check(cls, values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from super().check(values, context)
        yield from ClassCentres.check(values, context)
