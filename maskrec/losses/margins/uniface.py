"""UniFace: the margin ``unified``, and the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext, Reduction
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margin_softmax import scale_problems
from maskrec.losses.margins.cosface import Cos
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions


class Unified(nn.Module):
    """One threshold for all classes, which is trained: each class is a yes-or-no question of its own.

    Zhou et al., "UniFace: Unified Cross-Entropy Loss for Deep Face Recognition", ICCV 2023. With the trained b, a
    sample's loss is ``softplus(b - scale * (cos(theta) - margin))`` for its class and, ``balance`` times,
    ``softplus(scale * cos(theta) - b)`` for every other one, so that ``b / scale`` becomes a threshold that parts all
    positive cosines from all negative ones. b begins at ``log(10 * num_classes)``.

    Args:
        num_classes: training identities.
        margin: m, of the cosine to the true class, in [0, 2).
        scale: of the loss around it, above 0.
        balance: lambda, the weight of the other classes, above 0.

    Raises:
        ValueError: a parameter out of range.
    """

    reduction: ClassVar[Reduction] = "softplus_sum"

    def __init__(self, num_classes: int, margin: float = 0.4, scale: float = 64.0, balance: float = 1.0) -> None:
        super().__init__()
        refuse(self.check({"margin": margin, "scale": scale, "balance": balance}, CheckContext()))
        self.margin, self.scale, self.others_weight = margin, scale, balance
        self.bias = nn.Parameter(torch.tensor(math.log(10 * num_classes)))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range."""
        yield from Cos.check(values, context)
        yield from scale_problems(values)
        if not 0 < values["balance"] < math.inf:
            yield Problem(f"balance must be a finite number above 0, not {values['balance']}", "balance")

    def threshold(self) -> Tensor:
        """The cosine that parts positive from negative ones, a scalar."""
        return self.bias / self.scale

    def forward(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class above margin and threshold."""
        return target - self.margin - self.threshold().to(target.dtype)

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        """``(B, c)`` cosines to other classes above the threshold."""
        return cosines - self.threshold().to(cosines.dtype)

    def diagnostics(self) -> dict[str, Tensor]:
        """The ``threshold``, a cosine."""
        return {"threshold": self.threshold().detach()}


class UniFace(NamedMarginLoss):
    """A yes-or-no question for each class over scaled cosines, with the margin ``unified``: one threshold for all.

    Zhou et al., "UniFace: Unified Cross-Entropy Loss for Deep Face Recognition", ICCV 2023. Softmax compares a face's
    classes with each other; this compares all faces with one threshold, as verification does. With ``head: sampled``
    only drawn classes count as others, which is the paper's other way of balancing the two sides.

    Args:
        margin: m, of the cosine to the true class, in [0, 2).
        balance: lambda, the weight of the other classes, above 0.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Unified

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.4,
        balance: float = 1.0,
        **options: Unpack[SharedOptions],
    ) -> None:
        part = Unified(num_classes, margin, scale, balance)
        super().__init__(embedding_size, num_classes, class_counts, part, scale, **options)

    @classmethod
    def margin_values(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without the scale, which the loss itself looks at."""
        return {**values, "scale": 1.0}
