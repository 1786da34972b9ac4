"""Multiplied and added margins: the margin ``combined``, the loss ``combined_margin``, and SphereFace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margins.angles import continued
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions


class Combined:
    """All three margins in one: ``cos(theta)`` becomes ``cos(m1 * theta + m2) - m3``.

    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019, equation 4: ``m1`` is
    SphereFace's margin, ``m2`` ArcFace's, ``m3`` CosFace's. Where ``m1 * theta + m2`` exceeds pi, the cosine goes on
    downwards as in SphereFace, so that a larger angle is never a smaller loss. (``arc`` does this in another way, so
    that with ``m1: 1`` the two differ where ``theta + m2`` exceeds pi.)

    Args:
        m1: factor of the angle, above 0; 1 for none.
        m2: added to the angle, in radians, in [0, pi / 2).
        m3: subtracted from the cosine, in [0, 2).

    Raises:
        ValueError: a margin out of range.
    """

    def __init__(self, m1: float = 1.0, m2: float = 0.3, m3: float = 0.2) -> None:
        refuse(self.check({"m1": m1, "m2": m2, "m3": m3}, CheckContext()))
        self.m1, self.m2, self.m3 = m1, m2, m3

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Margins out of range."""
        if not 0 < values["m1"] < math.inf:
            yield Problem(f"m1 is a finite factor of the angle above 0, not {values['m1']}", "m1")
        if not 0 <= values["m2"] < math.pi / 2:
            yield Problem(f"m2 is an angle in radians in [0, pi / 2), not {values['m2']}", "m2")
        if not 0 <= values["m3"] < 2:
            yield Problem(f"m3 is a difference of cosines in [0, 2), not {values['m3']}", "m3")

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with the margins."""
        return continued(target, self.m1, self.m2) - self.m3


class CombinedMargin(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, with the margin ``combined``: ``cos(m1 * theta + m2) - m3``.

    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019, equation 4; the paper's
    combinations are 1, 0.3, 0.2 (the defaults) and 0.9, 0.4, 0.15.

    Args:
        m1: factor of the angle, above 0; 1 for none.
        m2: added to the angle, in radians, in [0, pi / 2).
        m3: subtracted from the cosine, in [0, 2).

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Combined

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        m1: float = 1.0,
        m2: float = 0.3,
        m3: float = 0.2,
        **options: Unpack[SharedOptions],
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Combined(m1, m2, m3), scale, **options)


class SphereFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, the true class's angle multiplied by a margin.

    The true class's logit is ``scale * psi(theta)`` with ``psi(theta) = (-1)**k * cos(margin * theta) - 2 * k`` for
    theta in [k * pi / margin, (k + 1) * pi / margin] (Liu et al., "SphereFace: Deep Hypersphere Embedding for Face
    Recognition", CVPR 2017). Embeddings are normalised and the scale is a number, as in Liu et al., "SphereFace
    Revived: Unifying Hyperspherical Face Recognition", 2022, whose margin need not be whole; in the first paper the
    embedding's length is the scale, and training begins with a smaller margin.

    Args:
        margin: m, at least 1: the factor of the angle; 4 in the first paper.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Combined

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 30.0,
        margin: float = 1.5,
        **options: Unpack[SharedOptions],
    ) -> None:
        refuse(self._margin_problems(margin))
        super().__init__(embedding_size, num_classes, class_counts, Combined(margin, 0.0, 0.0), scale, **options)

    @classmethod
    def check(cls, values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from cls._margin_problems(values["margin"])
        yield from super().check(values, context)

    @classmethod
    def margin_values(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What does not fit the margin is said of the loss's own parameter already."""
        return {"m1": 1.0, "m2": 0.0, "m3": 0.0}

    @staticmethod
    def _margin_problems(margin: float) -> Iterator[Problem]:
        if not 1 <= margin < math.inf:
            yield Problem(f"margin is a finite factor of the angle of at least 1, not {margin}", "margin")
