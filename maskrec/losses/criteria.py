"""From logits to one loss a sample, and the means over samples."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Criterion = Literal["cross_entropy", "focal"]


def per_sample_loss(logits: Tensor, labels: Tensor, criterion: Criterion, gamma: float) -> Tensor:
    """Cross entropy, or focal loss ``(1 - p)**gamma * cross_entropy`` with p the true class's probability.

    Lin et al., "Focal Loss for Dense Object Detection", 2017, without its alpha (class weights come afterwards).

    Args:
        logits: ``(B, C)``, any real numbers.
        labels: int64 ``(B,)`` in [0, C).
        criterion: which of the two.
        gamma: focusing exponent, at least 0; 0 gives cross entropy.

    Returns:
        ``(B,)``, each at least 0; finite, with finite gradients, also where p is exactly 1.
    """
    entropy = F.cross_entropy(logits, labels, reduction="none")
    if criterion == "cross_entropy" or gamma == 0:
        return entropy
    # 1 - exp(-entropy) without cancellation; the floor keeps the power's gradient finite for gamma below 1.
    doubt = (-torch.expm1(-entropy)).clamp(min=torch.finfo(entropy.dtype).tiny)
    return doubt**gamma * entropy


def mean_over_samples(losses: Tensor, labels: Tensor, class_weights: Tensor | None) -> Tensor:
    """``sum(w[label] * loss) / B``, never divided by the sum of the weights: so weights act, and processes add up.

    Args:
        losses: ``(B,)``.
        labels: int64 ``(B,)``.
        class_weights: ``(C,)`` or None for ones.

    Returns:
        A scalar; 0 with a gradient of 0 for an empty batch.
    """
    if class_weights is not None:
        losses = losses * class_weights[labels].to(losses.dtype)
    return losses.sum() / max(len(losses), 1)
