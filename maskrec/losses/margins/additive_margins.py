"""Margins on the cosine to a sample's true class; ``contracts.margin`` says what one must do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse


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
        # sqrt's slope is infinite at 0: below this floor the sine is taken as constant, so gradients stay finite.
        squared = ((1 - target) * (1 + target)).clamp(min=torch.finfo(target.dtype).eps)
        widened = target * math.cos(self.margin) - squared.sqrt() * math.sin(self.margin)
        if self.easy_margin:
            return torch.where(target > 0, widened, target)
        beyond = target - self.margin * math.sin(self.margin)
        return torch.where(target > -math.cos(self.margin), widened, beyond)


class Cos:
    """Additive cosine margin: ``cos(theta)`` becomes ``cos(theta) - margin``.

    Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", 2018.

    Args:
        margin: m, in [0, 2): cosines span no more than 2.

    Raises:
        ValueError: the margin is out of range.
    """

    def __init__(self, margin: float = 0.35) -> None:
        refuse(self.check({"margin": margin}, CheckContext()))
        self.margin = margin

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A margin out of range."""
        if not 0 <= values["margin"] < 2:
            yield Problem(f"margin is a difference of cosines in [0, 2), not {values['margin']}", "margin")

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines, lowered by the margin."""
        return target - self.margin
