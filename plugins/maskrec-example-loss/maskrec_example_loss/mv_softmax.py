"""MV-Softmax: a margin, and the loss that is a softmax with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from maskrec import CheckContext, MarginContext, Problem, refuse
from maskrec.losses.margin_softmax import MarginSoftmax, scale_problems
from maskrec.losses.margins.arcface import Arc


class Misclassified:
    """ArcFace's margin, with classes that a face is mistaken for counting more.

    Wang et al., "Mis-classified Vector Guided Softmax Loss for Face Recognition", AAAI 2020, with its adaptive weight
    and ArcFace's margin. The true class's cosine becomes ``cos(theta + margin)``. Another class's cosine ``c`` above
    that is a mistake and becomes ``weight * c + weight - 1``, which is more than ``c`` for every weight above 1.

    Args:
        margin: in radians, in [0, pi / 2).
        weight: t of the paper, at least 1; at 1 this is ArcFace.

    Raises:
        ValueError: a parameter out of range.
    """

    def __init__(self, margin: float = 0.5, weight: float = 1.2) -> None:
        refuse(self.check({"margin": margin, "weight": weight}, CheckContext()))
        self.arc, self.weight = Arc(margin), weight

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report parameters out of range, for ``maskrec check``."""
        yield from Arc.check(values, context)
        if not 1 <= values["weight"] < 10:
            yield Problem(f"weight must be in [1, 10), not {values['weight']}", "weight")

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with the margin."""
        return self.arc(target, context)

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        """``(B, c)`` cosines to other classes, those above ``target`` ``(B,)`` raised."""
        mistaken = cosines > target.detach()[:, None]
        return torch.where(mistaken, self.weight * cosines + (self.weight - 1), cosines)


class MVSoftmax(MarginSoftmax):
    """Softmax over scaled cosines to class centres, with the margin ``example_misclassified``.

    The same as ``{use: margin_softmax, margin: {use: example_misclassified}}``, which also takes a criterion, a head
    and class weights.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        class_counts: training images of each identity.
        scale: radius of the sphere the logits live on, above 0.
        margin: in radians, in [0, pi / 2).
        weight: how much a class counts that a face is mistaken for, at least 1.

    Raises:
        ValueError: a parameter out of range.
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.5,
        weight: float = 1.2,
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Misclassified(margin, weight), scale)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report parameters out of range, for ``maskrec check``."""
        yield from Misclassified.check(values, context)
        yield from scale_problems(values)
