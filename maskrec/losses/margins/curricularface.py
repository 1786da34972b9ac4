"""CurricularFace: the margin ``curricular``, and the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margins.arcface import Arc
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions

MOMENTUM = 0.99


class Curricular(nn.Module):
    """The margin ``arc``, with hard negatives that count more the further training is.

    Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition", CVPR 2020. Another
    class's cosine c above ``cos(theta + margin)`` is a hard negative and becomes ``c * (t + c)``; t is the running mean
    of the true classes' cosines over the batches of all processes, 0 at first.

    Args:
        margin: m in radians, in [0, pi / 2).
        momentum: how much of t is kept at each step, in [0, 1).

    Raises:
        ValueError: a parameter out of range.
    """

    t: Tensor

    def __init__(self, margin: float = 0.5, momentum: float = MOMENTUM) -> None:
        super().__init__()
        refuse(self.check({"margin": margin, "momentum": momentum}, CheckContext()))
        self.arc, self.momentum = Arc(margin), momentum
        self.register_buffer("t", torch.zeros(()))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range."""
        yield from Arc.check(values, context)
        if not 0 <= values["momentum"] < 1:
            yield Problem(f"momentum must be in [0, 1), not {values['momentum']}", "momentum")

    def forward(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with the margin."""
        if self.training:
            self.t.lerp_(context.mean(target).to(self.t.dtype), 1 - self.momentum)
        return self.arc(target, context)

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        """``(B, c)`` cosines to other classes, those above ``target`` ``(B,)`` reweighted."""
        harder = cosines > target.detach()[:, None]
        return torch.where(harder, cosines * (self.t.to(cosines.dtype) + cosines), cosines)

    def diagnostics(self) -> dict[str, Tensor]:
        """``t``: the progress of the curriculum, from 0 (easy) to about 1 (hard)."""
        return {"t": self.t}


class CurricularFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, with the margin ``curricular``: easy faces first, hard ones later.

    Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition", CVPR 2020.

    Args:
        margin: m in radians, in [0, pi / 2).
        momentum: how much of t, the progress, is kept at each step, in [0, 1).

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Curricular

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.5,
        momentum: float = MOMENTUM,
        **options: Unpack[SharedOptions],
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Curricular(margin, momentum), scale, **options)
