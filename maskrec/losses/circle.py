"""Circle loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.inputs import check_embeddings, full_precision, unit_rows
from maskrec.losses.triplets.candidates import negative_mask, positive_mask, refuse_without_triplets


class Circle(nn.Module):
    """All pairs of a batch, each pulled or pushed the more, the farther its cosine is from where it should be.

    Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization", CVPR 2020, with pair-wise labels.
    For an image with positives of cosines p and negatives of cosines n the loss is

        softplus(logsumexp(-scale * a_p * (p - (1 - margin))) + logsumexp(scale * a_n * (n - margin)))

    with the weights ``a_p = max(0, 1 + margin - p)`` and ``a_n = max(0, n + margin)``, which have no gradient. The mean
    is taken over the images that have both. The loss sees the whole batch (of all processes), so the sampler must put
    several images of several identities into it: ``identity_balanced``.

    Args:
        margin: m, in (-1, 1): positives are to exceed 1 - m, negatives to stay below m.
        scale: gamma, above 0; 256 in the paper for faces.

    Raises:
        ValueError: a parameter out of range.
    """

    scope: ClassVar[Literal["global"]] = "global"

    def __init__(self, margin: float = 0.25, scale: float = 256.0) -> None:
        super().__init__()
        refuse(self.check({"margin": margin, "scale": scale}, CheckContext()))
        self.margin, self.scale = margin, scale
        self._seen: dict[str, Tensor] = {}
        self._looked = False

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range."""
        if not -1 < values["margin"] < 1:
            yield Problem(f"margin is a difference of cosines in (-1, 1), not {values['margin']}", "margin")
        if not 0 < values["scale"] < math.inf:
            yield Problem(f"scale must be a finite number above 0, not {values['scale']}", "scale")

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """A scalar in float32 (float64 for float64 embeddings).

        Args:
            embeddings: ``(B, d)``, before normalisation.
            labels: int64 ``(B,)``.

        Raises:
            UsageError: shapes that do not fit.
            MaskrecError: no image of the batch has both a positive and a negative.
        """
        check_embeddings(embeddings, labels)
        # Elsewhere than on the CPU looking would wait for the device, so that only the first batch is looked at.
        if labels.device.type == "cpu" or not self._looked:
            refuse_without_triplets(labels)
        self._looked = True
        with full_precision(embeddings) as rows:
            units = unit_rows(rows)
            cosines = units @ units.T
            others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
            positives, negatives = positive_mask(labels, labels, others), negative_mask(labels, labels, others)
            counted = positives.any(dim=1) & negatives.any(dim=1)
            self._remember(cosines.detach(), positives, negatives, counted)
            # softplus(x) is -logsigmoid(-x): torch's softplus is cut to x above 20.
            losses = -F.logsigmoid(-self._too_low(cosines, positives) - self._too_high(cosines, negatives))
            return losses.masked_fill(~counted, 0.0).sum() / counted.sum().clamp(min=1)

    def _too_low(self, cosines: Tensor, positives: Tensor) -> Tensor:
        """``(B,)``: how far positives are below where they should be."""
        weights = (1 + self.margin - cosines.detach()).clamp(min=0)
        return _logsumexp(-self.scale * weights * (cosines - (1 - self.margin)), positives)

    def _too_high(self, cosines: Tensor, negatives: Tensor) -> Tensor:
        """``(B,)``: how far negatives are above."""
        weights = (cosines.detach() + self.margin).clamp(min=0)
        return _logsumexp(self.scale * weights * (cosines - self.margin), negatives)

    def _remember(self, cosines: Tensor, positives: Tensor, negatives: Tensor, counted: Tensor) -> None:
        self._seen = {
            "counted_share": counted.float().mean(),
            "positive_cosine": (cosines * positives).sum() / positives.sum().clamp(min=1),
            "negative_cosine": (cosines * negatives).sum() / negatives.sum().clamp(min=1),
        }

    def diagnostics(self) -> dict[str, Tensor]:
        """Of the last forward: the share of images that have positives and negatives (``counted_share``), and the mean
        cosine of positive and negative pairs; scalars on the device."""
        return dict(self._seen)


def _logsumexp(values: Tensor, where: Tensor) -> Tensor:
    """``(B,)``, over the columns where bool ``(B, B)`` says so; 0 for a row without any."""
    reduced = values.masked_fill(~where, -torch.inf).logsumexp(dim=1)
    return reduced.masked_fill(~where.any(dim=1), 0.0)
