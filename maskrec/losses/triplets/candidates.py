"""Which references an anchor can be compared with, and the negatives in order of their distance."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.base.errors import MaskrecError


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


def refuse_without_triplets(labels: Tensor) -> None:
    """Refuses a batch in which no image has both a positive and a negative; waits for the device.

    Raises:
        MaskrecError: it is such a batch.
    """
    identities = len(set(labels.tolist()))
    if not 1 < identities < len(labels):
        raise MaskrecError(
            f"the batch of {len(labels)} images of {identities} identities has no triplet: it needs two "
            "images of one identity and one of another; use the sampler identity_balanced with at least 2 identities "
            "and 2 images each"
        )
