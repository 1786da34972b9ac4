"""All triplets one by one, as an independent form of what the losses sum without a list."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Listed(NamedTuple):
    """As ``contracts.triplet_parts.TripletSums``; ``total`` carries a gradient."""

    total: Tensor
    mined: int
    active: int
    to_positive: float
    to_negative: float


def all_listed(labels: Tensor, reference_labels: Tensor, valid: Tensor) -> Tensor:
    """int64 ``(T, 3)`` in order of anchor, positive, negative."""
    same = labels[:, None] == reference_labels[None, :]
    anchors, positives = (same & valid).nonzero(as_tuple=True)
    pairs, negatives = (~same & valid)[anchors].nonzero(as_tuple=True)
    return torch.stack([anchors[pairs], positives[pairs], negatives], dim=1)


def listed(
    distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor, margin: float | None, hard: bool = False
) -> Listed:
    """The sums over all triplets, or over those whose negative is no farther than the positive."""
    anchors, positives, negatives = all_listed(labels, reference_labels, valid).unbind(1)
    to_positive, to_negative = distances[anchors, positives], distances[anchors, negatives]
    if hard:
        chosen = to_negative <= to_positive
        to_positive, to_negative = to_positive[chosen], to_negative[chosen]
    difference = to_positive - to_negative
    losses = F.softplus(difference) if margin is None else F.relu(difference + margin)
    active = difference > 0 if margin is None else losses > 0
    return Listed(
        losses.sum(),
        len(losses),
        int(active.sum()),
        float(to_positive.detach().sum()),
        float(to_negative.detach().sum()),
    )
