"""CurricularFace: a margin, and the loss that is a softmax with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem
from maskrec.losses.margin_softmax import MarginSoftmax, scale_problems
from maskrec.losses.margins.arcface import Arc


class Curricular(nn.Module):
    """ArcFace's margin, with hard negatives that count more as training progresses.

    Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition", CVPR 2020, equations
    5 to 8. The true class's cosine becomes ``cos(theta + margin)``. Another class's cosine ``c`` above that is a hard
    negative and becomes ``c * (t + c)``; ``t`` is the running mean of the true classes' cosines, 0 at the start.
    Beyond theta = pi - margin, where ``cos(theta + margin)`` would rise again, the true class's is
    ``cos(theta) - margin * sin(margin)``, as in ArcFace.

    Args:
        margin: in radians, in [0, pi / 2).
        momentum: how much of ``t`` is kept at each step, in [0, 1).

    Raises:
        ValueError: a parameter out of range.
    """

    t: Tensor

    def __init__(self, margin: float = 0.5, momentum: float = 0.99) -> None:
        super().__init__()
        for problem in self.check({"margin": margin, "momentum": momentum}, CheckContext()):
            raise ValueError(problem.message)
        self.arc, self.momentum = Arc(margin), momentum
        self.register_buffer("t", torch.zeros(()))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report parameters out of range, for ``maskrec check``."""
        yield from Arc.check(values, context)
        if not 0 <= values["momentum"] < 1:
            yield Problem(f"momentum must be in [0, 1), not {values['momentum']}", "momentum")

    def forward(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with the margin."""
        if self.training:
            # over the samples of all processes, so that t is the same everywhere
            self.t.lerp_(context.mean(target).to(self.t.dtype), 1 - self.momentum)
        return self.arc(target, context)

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        """``(B, c)`` cosines to other classes, those above ``target`` ``(B,)`` reweighted."""
        harder = cosines > target.detach()[:, None]
        return torch.where(harder, cosines * (self.t.to(cosines.dtype) + cosines), cosines)

    def diagnostics(self) -> dict[str, Tensor]:
        """``t``: the progress of the curriculum, from 0 (easy) to about 1 (hard)."""
        return {"t": self.t}


class CurricularFace(MarginSoftmax):
    """Softmax over scaled cosines to class centres, with the margin ``example_curricular``.

    The same as ``{use: margin_softmax, margin: {use: example_curricular}}``, which also takes a criterion, a head and
    class weights.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        class_counts: training images of each identity.
        scale: radius of the sphere the logits live on, above 0.
        margin: in radians, in [0, pi / 2).
        momentum: how much of ``t`` is kept at each step, in [0, 1).

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
        momentum: float = 0.99,
    ) -> None:
        super().__init__(embedding_size, num_classes, class_counts, Curricular(margin, momentum), scale)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report parameters out of range, for ``maskrec check``."""
        yield from Curricular.check(values, context)
        yield from scale_problems(values)
