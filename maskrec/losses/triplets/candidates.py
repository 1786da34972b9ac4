"""Which references an anchor can be compared with, and the negatives in order of their distance."""

from __future__ import annotations

import torch
from torch import Tensor


def positive_mask(labels: Tensor, reference_labels: Tensor, valid: Tensor) -> Tensor:
    """bool ``(B, M)``: usable references of the anchor's identity."""
    return (labels[:, None] == reference_labels[None, :]) & valid


def negative_mask(labels: Tensor, reference_labels: Tensor, valid: Tensor) -> Tensor:
    """bool ``(B, M)``: usable references of other identities."""
    return (labels[:, None] != reference_labels[None, :]) & valid


def sorted_negatives(distances: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    """Each row's distances, ``(B, M)``, with the negatives first and the nearest of them first; and their columns.

    Equally far ones stay in the order of their columns. What is not a negative counts as infinitely far away.
    """
    nearest_first, order = distances.masked_fill(~negatives, torch.inf).sort(dim=1, stable=True)
    return nearest_first, order
