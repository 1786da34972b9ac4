"""Miners that list their triplets; ``contracts.triplet_parts`` says what a miner must do.

None of them waits for the device: they return as many rows whatever the labels are, and a mask of those that count.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from maskrec.contracts.triplet_parts import Average, Mined, Miner, SummingMiner
from maskrec.losses.triplets.all_triplets import BatchAll, BatchAllHard
from maskrec.losses.triplets.candidates import negative_mask, positive_mask, sorted_negatives

MinerName = Literal["batch_hard", "semi_hard", "easy_positive", "batch_all", "batch_all_hard"]


class BatchHard:
    """For each anchor its farthest positive and its nearest negative; anchors without either are left out.

    Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017. The loss is the mean
    over these anchors. Of equally far samples the one with the lowest index is taken.
    """

    average: ClassVar[Average] = "mined"

    def __call__(self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor) -> Mined:
        """One row an anchor."""
        positives = positive_mask(labels, reference_labels, valid)
        negatives = negative_mask(labels, reference_labels, valid)
        farthest = distances.masked_fill(~positives, -torch.inf).argmax(dim=1)
        nearest = distances.masked_fill(~negatives, torch.inf).argmin(dim=1)
        return _one_an_anchor(farthest, nearest, positives.any(dim=1) & negatives.any(dim=1))


class SemiHard:
    """For each pair of an anchor and a positive, the nearest negative that is farther away than the positive.

    After Schroff, Kalenichenko and Philbin, "FaceNet: A Unified Embedding for Face Recognition and Clustering", 2015,
    which draws one of the negatives within the margin; the nearest one needs no draw. Where no negative is farther
    than the positive, the farthest negative is taken, so that no pair is passed over. Every ordered pair of two samples
    of an identity counts; the loss is the mean over all of them, those beyond the margin counting as 0.
    """

    average: ClassVar[Average] = "mined"

    def __call__(self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor) -> Mined:
        """One row a pair of anchor and reference, of which those of an anchor and its positive count."""
        positives = positive_mask(labels, reference_labels, valid)
        limits = distances.masked_fill(~positives, -torch.inf)  # all equal where the answer does not count: faster
        chosen = _just_beyond(distances, negative_mask(labels, reference_labels, valid), limits)
        size, references = distances.shape
        anchors = torch.arange(size, device=distances.device)[:, None].expand(size, references)
        columns = torch.arange(references, device=distances.device).expand(size, references)
        triplets = torch.stack([anchors, columns, chosen.columns], dim=2)
        return Mined(triplets.flatten(0, 1), (positives & chosen.exists).flatten())


class EasyPositive:
    """For each anchor its nearest positive, with one negative; anchors without either are left out.

    Xuan, Stylianou and Pless, "Improved Embeddings with Easy Positive Triplet Mining", 2020: images of one identity
    need not all come together, as long as each is near another one. The loss is the mean over these anchors. Of
    equally far samples the one with the lowest index is taken.

    Args:
        negative: ``semi_hard``: the nearest negative that is farther away than the positive, or the farthest one where
            none is. ``hard``: the nearest negative.
    """

    average: ClassVar[Average] = "mined"

    def __init__(self, negative: Literal["semi_hard", "hard"] = "semi_hard") -> None:
        self.negative = negative

    def __call__(self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor) -> Mined:
        """One row an anchor."""
        positives = positive_mask(labels, reference_labels, valid)
        negatives = negative_mask(labels, reference_labels, valid)
        nearest = distances.masked_fill(~positives, torch.inf).argmin(dim=1)
        if self.negative == "hard":
            chosen = distances.masked_fill(~negatives, torch.inf).argmin(dim=1)
        else:
            chosen = _just_beyond(distances, negatives, distances.gather(1, nearest[:, None])).columns.squeeze(1)
        return _one_an_anchor(nearest, chosen, positives.any(dim=1) & negatives.any(dim=1))


class _Chosen(NamedTuple):
    """Of each anchor and limit one negative, ``(B, Q)``; whether the anchor has any, ``(B, 1)``."""

    columns: Tensor
    exists: Tensor


def _just_beyond(distances: Tensor, negatives: Tensor, limits: Tensor) -> _Chosen:
    """For each of the limits ``(B, Q)`` the nearest negative that is farther away; the farthest one where none is."""
    nearest_first, order = sorted_negatives(distances, negatives)
    place = torch.searchsorted(nearest_first, limits.contiguous(), right=True)
    number = negatives.sum(dim=1, keepdim=True)
    farthest = distances.masked_fill(~negatives, -torch.inf).argmax(dim=1, keepdim=True)
    beyond = order.gather(1, place.clamp(max=distances.shape[1] - 1))
    return _Chosen(torch.where(place < number, beyond, farthest), number > 0)


def _one_an_anchor(positives: Tensor, negatives: Tensor, valid: Tensor) -> Mined:
    anchors = torch.arange(len(valid), device=valid.device)
    return Mined(torch.stack([anchors, positives, negatives], dim=1), valid)


def built_in(name: MinerName) -> Miner | SummingMiner:
    """The miner of that name."""
    miners: dict[MinerName, type[Miner] | type[SummingMiner]] = {
        "batch_hard": BatchHard,
        "semi_hard": SemiHard,
        "easy_positive": EasyPositive,
        "batch_all": BatchAll,
        "batch_all_hard": BatchAllHard,
    }
    return miners[name]()
