"""CosFace: the margin ``cos``, and the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions


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


class CosFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, the true class's cosine lowered by a margin.

    The true class's logit is ``scale * (cos(theta) - margin)``, the others' ``scale * cos(theta)`` (Wang et al.,
    "CosFace: Large Margin Cosine Loss for Deep Face Recognition", 2018).

    Args:
        scale: s, above 0.
        margin: m, in [0, 2): cosines span no more than 2.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Cos

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.35,
        **options: Unpack[SharedOptions],
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Cos(margin), scale, **options)
