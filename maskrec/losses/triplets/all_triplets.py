"""Sums over all triplets of a batch, without a list of them.

A hinge is linear in the distances while it is active, so its sum over all triplets needs nothing but counts: how many
positives are active with each negative, and how many negatives with each positive. With an anchor's positives sorted,
a binary search for each negative finds the first, and a prefix sum over the places that were found gives the second.
That takes N^2 log N steps and N^2 numbers in place of N^3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from maskrec.contracts.triplet_parts import Average, TripletSums
from maskrec.losses.triplets.candidates import negative_mask, positive_mask

BLOCK = 1 << 19  # elements of the tensors of a block of anchors


class BatchAll:
    """Every valid triplet of the batch; the loss is the mean over those whose loss is above 0 (Hermans et al., 2017).

    There are B * (K - 1) * (B - K) of them: 10 million for 20 identities x 30 images. With the hinge they are counted
    and not listed, in N^2 log N steps; with ``soft_margin: true`` all of them are computed, some anchors at a time. A
    triplet is active where ``d(a, n) < d(a, p) + margin``, as computed in the precision of the distances.
    """

    average: ClassVar[Average] = "active"
    hard: ClassVar[bool] = False

    def sums(
        self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor, margin: float | None
    ) -> TripletSums:
        """As ``contracts.triplet_parts.SummingMiner`` says. Waits for the device with the soft margin only."""
        return all_triplets(distances, labels, reference_labels, valid, margin, hard=self.hard)


class BatchAllHard(BatchAll):
    """Of all valid triplets the hard ones: the negative is as near to the anchor as the positive, or nearer.

    The loss is the mean over them, and 0 for a batch without any. Where all embeddings are one point every triplet is
    hard, so that a collapse does not look like success.
    """

    hard: ClassVar[bool] = True


def all_triplets(
    distances: Tensor,
    labels: Tensor,
    reference_labels: Tensor,
    valid: Tensor,
    margin: float | None,
    hard: bool = False,
    block: int = BLOCK,
) -> TripletSums:
    """Sums over all triplets, or the hard ones, by blocks of anchors.

    Args:
        distances: ``(B, M)``, with gradient.
        labels: int64 ``(B,)``.
        reference_labels: int64 ``(M,)``.
        valid: bool ``(B, M)``.
        margin: of the hinge, above 0; None for the soft margin.
        hard: only triplets with ``d(a, n) <= d(a, p)``.
        block: about how many elements the tensors of a block may have. The soft margin's have at least as many as one
            anchor has triplets.
    """
    given = distances.detach().contiguous()
    slopes = torch.empty_like(given)
    rows = max(1, block // given.shape[1])
    parts: list[TripletSums] = []
    for first in range(0, len(given), rows):
        some = slice(first, first + rows)
        positives = positive_mask(labels[some], reference_labels, valid[some])
        negatives = negative_mask(labels[some], reference_labels, valid[some])
        if margin is None:
            parts += _soft(given[some], positives, negatives, hard, slopes[some], block)
        else:
            parts.append(_hinge(given[some], positives, negatives, margin, hard, slopes[some]))
    total, *rest = (torch.stack(each).sum() for each in zip(*parts, strict=True))
    with_gradient: Tensor = _WithSlopes.apply(distances, total.to(distances.dtype), slopes)
    return TripletSums(with_gradient, *rest)


def _hinge(
    distances: Tensor, positives: Tensor, negatives: Tensor, margin: float, hard: bool, slopes: Tensor
) -> TripletSums:
    """The sums of a block of anchors ``(R, M)``; the derivatives by the distances are written to ``slopes``."""
    # Below which distance a negative counts with a positive; with `hard`, up to which.
    limits = torch.where(positives, distances if hard else distances + margin, torch.inf)
    nearest_first, columns = limits.topk(_width(positives), dim=1, largest=False)
    # How many positives do not count with each reference, were it a negative: they are the nearest ones.
    passed = torch.searchsorted(nearest_first, distances, right=not hard, out_int32=True)
    number, others = positives.sum(dim=1, keepdim=True), negatives.sum(dim=1, keepdim=True)
    by_negative = (number.int() - passed) * negatives
    reached = _counted_up(passed, negatives, nearest_first.shape[1])
    reached *= torch.arange(reached.shape[1], device=reached.device) < number
    by_positive = torch.zeros_like(passed).scatter_(1, columns, reached)
    slopes.copy_(by_positive - by_negative)
    exact = distances.to(_exact_dtype(distances))
    mined = active = by_negative.sum()
    total = (exact * slopes).sum() + margin * active.to(exact.dtype)
    if hard:
        return TripletSums(total, mined, active, (exact * by_positive).sum(), (exact * by_negative).sum())
    to_positive = (exact * positives).sum(dim=1, keepdim=True) * others
    to_negative = (exact * negatives).sum(dim=1, keepdim=True) * number
    return TripletSums(total, (number * others).sum(), active, to_positive.sum(), to_negative.sum())


def _width(positives: Tensor) -> int:
    """The most positives of an anchor; on a GPU, where counting them would wait, the most that are possible."""
    return int(positives.sum(dim=1).max()) if positives.device.type == "cpu" else positives.shape[1] - 1


def _counted_up(passed: Tensor, negatives: Tensor, width: int) -> Tensor:
    """For the positives in order of their distance how many negatives count with them: ``(R, width)``.

    A negative that has passed the nearest three positives counts with the fourth and all farther ones.
    """
    rows = len(passed)
    first = torch.arange(0, rows * (width + 1), width + 1, dtype=passed.dtype, device=passed.device)[:, None]
    counts = torch.zeros(rows * (width + 1), dtype=passed.dtype, device=passed.device)
    # Of whole numbers, so that the order of the additions does not matter.
    counts.index_add_(0, (passed + first).flatten(), negatives.flatten().to(passed.dtype))
    return counts.view(rows, width + 1)[:, :width].cumsum(dim=1, dtype=passed.dtype)


def _soft(
    distances: Tensor, positives: Tensor, negatives: Tensor, hard: bool, slopes: Tensor, block: int
) -> Iterator[TripletSums]:
    """The same for the soft margin, anchor by anchor or a few at a time: ``(R, K, M)`` for K positives an anchor."""
    width = int(positives.sum(dim=1).max())  # waits for the device: otherwise N^3 would be that of all references
    columns = positives.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :width]
    rows = max(1, min(block, distances.numel()) // max(1, width * distances.shape[1]))
    for first in range(0, len(distances), rows):
        some = slice(first, first + rows)
        real = positives[some].gather(1, columns[some])
        yield _soft_anchors(distances[some], columns[some], real, negatives[some], hard, slopes[some])


def _soft_anchors(
    distances: Tensor, columns: Tensor, real: Tensor, negatives: Tensor, hard: bool, slopes: Tensor
) -> TripletSums:
    """The sums of a few anchors, whose positives are at ``columns`` where ``real``, both ``(R, K)``."""
    to_positive, to_negative = distances.gather(1, columns)[:, :, None], distances[:, None, :]
    difference = to_positive - to_negative
    counted = real[:, :, None] & negatives[:, None, :]
    if hard:
        counted &= difference >= 0
    losses = F.softplus(difference).masked_fill(~counted, 0.0)
    pulls = difference.sigmoid().masked_fill(~counted, 0.0)
    slopes.copy_(torch.zeros_like(slopes).scatter_(1, columns, pulls.sum(dim=2)) - pulls.sum(dim=1))
    dtype = _exact_dtype(distances)
    by_positive, by_negative = counted.sum(dim=2, keepdim=True), counted.sum(dim=1, keepdim=True)
    return TripletSums(
        losses.sum(dtype=dtype),
        counted.sum(),
        (counted & (difference > 0)).sum(),
        (to_positive.to(dtype) * by_positive).sum(),
        (to_negative.to(dtype) * by_negative).sum(),
    )


class _WithSlopes(torch.autograd.Function):
    """A total with its derivatives by the distances, which are known already."""

    @staticmethod
    def forward(ctx: Any, distances: Tensor, total: Tensor, slopes: Tensor) -> Tensor:
        ctx.save_for_backward(slopes)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradients[0], None, None


def _exact_dtype(values: Tensor) -> torch.dtype:
    return torch.float32 if values.device.type == "mps" else torch.float64  # which mps lacks
