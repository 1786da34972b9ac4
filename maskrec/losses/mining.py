"""Miners: which triplets of a batch the triplet loss learns from.

A miner is called with distances ``(B, B)`` (without gradient) and labels ``(B,)`` and returns int64 ``(T, 3)``: rows of
anchor, positive and negative. One with state is an ``nn.Module``. Its ``average`` says over what the loss is averaged:
all ``mined`` triplets, or the ``active`` ones, whose loss is above 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor

Average = Literal["mined", "active"]


def positive_mask(labels: Tensor) -> Tensor:
    """bool ``(B, B)``: the same identity, another sample."""
    same = labels[:, None] == labels[None, :]
    return same.fill_diagonal_(False)


def negative_mask(labels: Tensor) -> Tensor:
    """bool ``(B, B)``: different identities."""
    return labels[:, None] != labels[None, :]


class BatchHard:
    """For each anchor its farthest positive and its nearest negative; anchors without either are left out.

    Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017. The loss is the mean
    over these anchors. Of equally far samples the one with the lowest index is taken.
    """

    average: ClassVar[Average] = "mined"

    def __call__(self, distances: Tensor, labels: Tensor) -> Tensor:
        """int64 ``(T, 3)``, one row an anchor."""
        positives, negatives = positive_mask(labels), negative_mask(labels)
        farthest = distances.masked_fill(~positives, -torch.inf).argmax(dim=1)
        nearest = distances.masked_fill(~negatives, torch.inf).argmin(dim=1)
        anchors = (positives.any(dim=1) & negatives.any(dim=1)).nonzero().squeeze(1)
        return torch.stack([anchors, farthest[anchors], nearest[anchors]], dim=1)


class SemiHard:
    """For each pair of an anchor and a positive, the nearest negative that is farther away than the positive.

    After Schroff, Kalenichenko and Philbin, "FaceNet: A Unified Embedding for Face Recognition and Clustering", 2015,
    which draws one of the negatives within the margin; the nearest one needs no draw. Where no negative is farther
    than the positive, the farthest negative is taken, so that no pair is passed over. Every ordered pair of two samples
    of an identity counts; the loss is the mean over all of them, those beyond the margin counting as 0.
    """

    average: ClassVar[Average] = "mined"

    def __call__(self, distances: Tensor, labels: Tensor) -> Tensor:
        """int64 ``(T, 3)``, one row a pair of anchor and positive."""
        negatives = negative_mask(labels)
        anchors, positives = (positive_mask(labels) & negatives.any(dim=1, keepdim=True)).nonzero(as_tuple=True)
        candidates, allowed = distances[anchors], negatives[anchors]
        farther = allowed & (candidates > distances[anchors, positives][:, None])
        nearest = candidates.masked_fill(~farther, torch.inf).argmin(dim=1)
        farthest = candidates.masked_fill(~allowed, -torch.inf).argmax(dim=1)
        return torch.stack([anchors, positives, torch.where(farther.any(dim=1), nearest, farthest)], dim=1)


class BatchAll:
    """Every valid triplet of the batch; the loss is the mean over those whose loss is above 0 (Hermans et al., 2017).

    The number of triplets grows with B * (K - 1) * (B - K): 10 million for 20 identities x 30 images.
    """

    average: ClassVar[Average] = "active"

    def __call__(self, distances: Tensor, labels: Tensor) -> Tensor:
        """int64 ``(T, 3)``, in order of anchor, positive, negative."""
        anchors, positives = positive_mask(labels).nonzero(as_tuple=True)
        pairs, negatives = negative_mask(labels)[anchors].nonzero(as_tuple=True)
        return torch.stack([anchors[pairs], positives[pairs], negatives], dim=1)


class BatchAllHard(BatchAll):
    """Of all valid triplets the hard ones: the negative is as near to the anchor as the positive, or nearer.

    The loss is the mean over them, and 0 for a batch without any. Where all embeddings are one point every triplet is
    hard, so that a collapse does not look like success.
    """

    def __call__(self, distances: Tensor, labels: Tensor) -> Tensor:
        """int64 ``(T, 3)``, in order of anchor, positive, negative."""
        triplets = super().__call__(distances, labels)
        anchors, positives, negatives = triplets.unbind(dim=1)
        return triplets[distances[anchors, negatives] <= distances[anchors, positives]]


MinerName = Literal["batch_hard", "semi_hard", "batch_all", "batch_all_hard"]


def built_in(name: MinerName) -> Callable[[Tensor, Tensor], Tensor]:
    """The miner of that name."""
    miners: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "batch_hard": BatchHard(),
        "semi_hard": SemiHard(),
        "batch_all": BatchAll(),
        "batch_all_hard": BatchAllHard(),
    }
    return miners[name]
