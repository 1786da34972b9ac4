"""CurricularFace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem


class CurricularFace(nn.Module):
    """ArcFace whose hard negatives count more as training progresses.

    Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition", CVPR 2020, equations
    5 to 8. The true class's logit is ``scale * cos(theta + margin)``. Another class's cosine ``c`` above
    ``cos(theta + margin)`` is a hard negative and becomes ``c * (t + c)``; ``t`` is the running mean of the true
    classes' cosines, 0 at the start. Beyond theta = pi - margin, where ``cos(theta + margin)`` would rise again, the
    true class's logit is ``scale * (cos(theta) - margin * sin(margin))``, as in ArcFace.

    It has no ``scope``, so under several processes it sees the global batch and ``t`` is the same everywhere.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        scale: radius of the sphere the logits live on, above 0.
        margin: in radians, in [0, pi / 2).
        momentum: how much of ``t`` is kept at each step, in [0, 1).

    Raises:
        ValueError: a parameter out of range.
    """

    t: Tensor

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        scale: float = 64.0,
        margin: float = 0.5,
        momentum: float = 0.99,
    ) -> None:
        super().__init__()
        for problem in _problems(scale, margin, momentum):
            raise ValueError(problem.message)
        self.scale, self.margin, self.momentum = scale, margin, momentum
        self.weight = nn.Parameter(torch.empty(num_classes, embedding_size))
        nn.init.normal_(self.weight, std=1 / math.sqrt(embedding_size))
        self.register_buffer("t", torch.zeros(()))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report parameters out of range, for ``maskrec check``."""
        yield from _problems(values["scale"], values["margin"], values["momentum"])

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The mean cross entropy of the batch, a scalar in float32 (float64 for float64 embeddings).

        Args:
            embeddings: ``(B, embedding_size)``, before normalisation.
            labels: int64 ``(B,)`` in [0, num_classes).
        """
        # Cosines near 1 and a scale of 64 are too fine for bfloat16: leave autocast.
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
            cosines = F.linear(F.normalize(rows), F.normalize(self.weight.to(rows.dtype)))
            true = cosines.gather(1, labels[:, None])
            if self.training:
                self.t.lerp_(true.detach().mean().to(self.t.dtype), 1 - self.momentum)
            widened = self._widened(true)
            hard = cosines > widened.detach()
            negatives = torch.where(hard, cosines * (self.t.to(rows.dtype) + cosines), cosines)
            return F.cross_entropy(self.scale * negatives.scatter(1, labels[:, None], widened), labels)

    def diagnostics(self) -> dict[str, float]:
        """``t``: the progress of the curriculum, from 0 (easy) to about 1 (hard)."""
        return {"t": float(self.t)}

    def _widened(self, cosine: Tensor) -> Tensor:
        """cos(theta + margin) of cos(theta); the sine is held off 0, where its slope is infinite."""
        sine = ((1 - cosine) * (1 + cosine)).clamp(min=torch.finfo(cosine.dtype).eps).sqrt()
        beyond = cosine - self.margin * math.sin(self.margin)
        widened = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        return torch.where(cosine > -math.cos(self.margin), widened, beyond)


def _problems(scale: float, margin: float, momentum: float) -> Iterator[Problem]:
    if not (math.isfinite(scale) and scale > 0):
        yield Problem(f"scale must be a finite number above 0, not {scale}", "scale")
    if not 0 <= margin < math.pi / 2:
        yield Problem(f"margin must be an angle in radians in [0, pi / 2), not {margin}", "margin")
    if not 0 <= momentum < 1:
        yield Problem(f"momentum must be in [0, 1), not {momentum}", "momentum")
