"""Heads as a plugin's author would write them: class block by class block, and one that rounds badly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.contracts.margin import ScaledMargin
from maskrec.losses.heads.dense_head import Dense


class Blocks(Dense):
    """No more than ``block`` classes at once; the target's logit comes from its own centre."""

    block = 3

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)``, not lowered by anything."""
        assert margin is not None
        rows, centres = F.normalize(embeddings), F.normalize(self.weight.to(embeddings.dtype))
        target = margin.target((rows * centres[labels]).sum(1))
        reduced = []
        for first in range(0, self.num_classes, self.block):
            logits = margin.scale * margin.others(rows @ centres[first : first + self.block].T, target)
            inside = torch.arange(first, first + logits.shape[1]) == labels[:, None]
            if margin.reduction == "softplus_sum":
                reduced.append(torch.log1p(logits.exp()).masked_fill(inside, 0.0).sum(1))
            else:
                logits = torch.where(inside, margin.scale * target[:, None], logits)
                reduced.append(logits.logsumexp(1))
        if margin.reduction == "softplus_sum":
            return -torch.log1p((-margin.scale * target).exp()), torch.stack(reduced).sum(0)
        return margin.scale * target, torch.stack(reduced).logsumexp(0)


class RoundsDown(Dense):
    """Its logsumexp is a little below the target, as a sum in another order can be."""

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """As ``Dense``, less 4e-6."""
        target, logsumexp = super().forward(embeddings, labels, margin)
        return target, logsumexp - 4e-6
