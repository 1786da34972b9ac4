"""Distances from the images of a batch to references: the batch itself, and what is remembered of past steps."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

DistanceName = Literal["l2", "squared_l2"]


def pairwise_distances(rows: Tensor, distance: DistanceName, others: Tensor | None = None) -> Tensor:
    """``(B, B + S)`` distances from rows to rows and to others, exactly 0 on the diagonal.

    Inner products, not differences: ``(B, B, d)`` would not fit. The price is an absolute error of the squared
    distance of about the precision times the rows' squared length. Gradients are finite where rows are equal.

    Args:
        rows: ``(B, d)``.
        distance: ``l2`` or ``squared_l2``.
        others: ``(S, d)``, further rows to which distances are taken.
    """
    products = rows @ rows.T
    lengths = columns = products.diagonal()
    if others is not None:
        products = torch.cat([products, rows @ others.T], dim=1)
        columns = torch.cat([lengths, others.square().sum(dim=1)])
    squared = (lengths[:, None] + columns[None, :] - 2 * products).clamp(min=0)
    if distance == "squared_l2":
        return squared
    # sqrt's slope is infinite at 0: rows that are equal up to rounding get distance 0 and gradient 0.
    equal = squared.detach() <= torch.finfo(rows.dtype).eps * (lengths[:, None] + columns[None, :]).detach()
    return squared.masked_fill(equal, 1.0).sqrt().masked_fill(equal, 0.0)


def picked(distances: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``distances[rows, columns]``; its gradient is summed in one order on the CPU, which indexing by two is not."""
    return distances.flatten().index_select(0, rows * distances.shape[1] + columns)
