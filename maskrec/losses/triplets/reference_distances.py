"""Distances from the images of a batch to references: the batch itself, and what is remembered of past steps."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

DistanceName = Literal["l2", "squared_l2"]


def pairwise_distances(rows: Tensor, distance: DistanceName, others: Tensor | None = None) -> Tensor:
    """``(B, B + S)`` distances from rows to rows and to others, exactly 0 on the diagonal.

    Inner products, not differences: ``(B, B, d)`` would not fit. The price is an absolute error of the squared
    distance of about the precision times the rows' squared length. Gradients are finite where rows are equal.

    Args:
        rows: ``(B, d)``.
        distance: ``l2`` or ``squared_l2``.
        others: ``(S, d)``, further rows to which distances are taken; they get no gradient.
    """
    others = rows.detach()[:0] if others is None else others.detach()
    distances: Tensor = _Distances.apply(rows, others, distance == "squared_l2")
    return distances


class _Distances(torch.autograd.Function):
    """With a gradient of its own: one matrix product, because both ends of a distance between rows are rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, others: Tensor, squared: bool) -> Tensor:
        products = rows @ rows.T
        lengths = products.diagonal()
        columns = torch.cat([lengths, others.square().sum(dim=1)])
        products = torch.cat([products, rows @ others.T], dim=1) if len(others) else products
        largest = lengths[:, None] + columns[None, :]
        distances = torch.sub(largest, products, alpha=2).clamp_(min=0)
        if not squared:
            # A root's slope is infinite at 0: rows that are equal up to rounding get distance 0 and gradient 0.
            equal = distances <= largest.mul_(torch.finfo(rows.dtype).eps)
            distances = distances.masked_fill_(equal, 0.0).sqrt_()
        ctx.squared = squared
        ctx.save_for_backward(rows, others, distances)
        return distances

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        rows, others, distances = ctx.saved_tensors
        pulls = 2 * gradients[0] if ctx.squared else (gradients[0] / distances).masked_fill_(distances == 0, 0.0)
        inner = pulls[:, : len(rows)]
        both = inner + inner.T
        gradient = (both.sum(dim=1) + pulls[:, len(rows) :].sum(dim=1))[:, None] * rows
        gradient = torch.addmm(gradient, both, rows, alpha=-1)
        return torch.addmm(gradient, pulls[:, len(rows) :], others, alpha=-1) if len(others) else gradient, None, None


def picked(distances: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``distances[rows, columns]``; its gradient is summed in one order on the CPU, which indexing by two is not."""
    return distances.flatten().index_select(0, rows * distances.shape[1] + columns)
