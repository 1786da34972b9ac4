"""Scores of a batch's rows against class centres, block of classes by block: no tensor of batch x classes exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.losses.inputs import SHORTEST

BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Block:
    """Classes ``first`` to ``end - 1`` of those that are gone through.

    Args:
        first: see above.
        end: see above.
        where: the rows of the matrix of centres.
        centres: ``(n, d)``, these rows.
    """

    first: int
    end: int
    where: slice | Tensor
    centres: Tensor


@dataclass(slots=True)
class BlockGradients:
    """What is added up over blocks.

    Args:
        rows: ``(B, d)``.
        weight: as the matrix of centres; None where nobody asks for it.
        bias: likewise.
    """

    rows: Tensor
    weight: Tensor | None
    bias: Tensor | None


class ClassBlocks:
    """Rows and class centres, both without graph; what scores of one say of the other is in formulas here.

    A score is the product of a row with the nearest of a class's centres, for cosines divided by the centre's length.

    Args:
        rows: ``(B, d)``; for cosines, of unit length.
        weight: ``(C * K, d)``, the centres.
        bias: ``(C * K,)`` or None; added to plain products.
        labels: int64 ``(B,)`` in [0, C), or -1 for a class whose centres are on another process.
        centres_per_class: K.
        block: how many centres are compared at once; those of one class are not parted.
        cosines: whether scores are cosines.
        chosen: int64, sorted: the classes to go through, among them all labels; None for all.
    """

    def __init__(
        self,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        centres_per_class: int,
        block: int,
        cosines: bool,
        chosen: Tensor | None = None,
    ) -> None:
        self.rows, self.weight, self.labels, self.each = rows.detach(), weight.detach(), labels, centres_per_class
        self.bias = None if bias is None or cosines else bias.detach()
        self.chosen, self.step = chosen, max(1, block // centres_per_class)
        self.classes = len(weight) // centres_per_class if chosen is None else len(chosen)
        self.places = labels if chosen is None else torch.searchsorted(chosen, labels)
        self.inverse: Tensor | None = None
        if cosines:
            lengths = torch.linalg.vector_norm(self.weight, dim=1)
            self.inverse = lengths.clamp(min=SHORTEST).reciprocal()
            # By F.normalize's rule a centre that is shorter is divided by SHORTEST, which is a constant.
            self._turns = self.inverse.square() * (lengths >= SHORTEST)

    def __iter__(self) -> Iterator[Block]:
        for first in range(0, self.classes, self.step):
            end = min(first + self.step, self.classes)
            where = self._rows_of(first, end)
            yield Block(first, end, where, self.weight[where])

    def _rows_of(self, first: int, end: int) -> slice | Tensor:
        if self.chosen is None:
            return slice(first * self.each, end * self.each)
        centres = torch.arange(self.each, device=self.chosen.device)
        return (self.chosen[first:end, None] * self.each + centres).reshape(-1)

    def scores(self, block: Block, scale: float | Tensor | None = None) -> Tensor:
        """``(B, n)``, of every centre of the block; cosines times ``scale`` where one is given."""
        scores = self.rows @ block.centres.T
        if self.bias is not None:
            scores += self.bias[block.where]
        if self.inverse is not None:
            inverse = self.inverse[block.where]
            scores *= inverse if scale is None else inverse * scale
        return scores

    def nearest(self, scores: Tensor) -> Tensor:
        """``(B, c)``, the largest of each class of a block; with one centre a class, ``scores`` itself."""
        return scores if self.each == 1 else scores.view(len(scores), -1, self.each).amax(dim=2)

    def spread(self, gradient: Tensor, ties: Tensor | None) -> Tensor:
        """``(B, n)`` gradients of scores from ``(B, c)`` gradients of the nearest ones.

        Args:
            gradient: of what ``nearest`` returned.
            ties: bool ``(B, c, K)``, the centres that are nearest; they share the gradient. None with K = 1.
        """
        if ties is None:
            return gradient
        return (ties * (gradient / ties.sum(dim=2))[:, :, None]).flatten(1)

    def ties(self, scores: Tensor, nearest: Tensor) -> Tensor | None:
        """The ``ties`` of ``spread``."""
        return None if self.each == 1 else scores.view(len(scores), -1, self.each) == nearest[:, :, None]

    def hide_true(self, values: Tensor, block: Block) -> Tensor:
        """``(B, c)`` values, changed in place: minus infinity for the sample's true class, where it is in the block."""
        places = self.places - block.first
        inside = (places >= 0) & (places < values.shape[1])
        column = places.clamp(0, values.shape[1] - 1)[:, None]
        hidden = values.gather(1, column).masked_fill(inside[:, None], -torch.inf)
        return values.scatter_(1, column, hidden)

    def add_gradients(self, block: Block, gradient: Tensor, total: BlockGradients) -> None:
        """Add what a block's scores say of rows, centres and bias.

        Args:
            block: which.
            gradient: ``(B, n)``, of its scores; changed in place.
            total: added to.
        """
        if total.bias is not None:
            total.bias[block.where] = gradient.sum(dim=0)
        if self.inverse is not None:
            gradient *= self.inverse[block.where]
        total.rows.addmm_(gradient, block.centres)
        if total.weight is None:
            return
        sliced = isinstance(block.where, slice)
        part = total.weight[block.where] if sliced else torch.empty_like(block.centres)
        torch.mm(gradient.T, self.rows, out=part)
        if self.inverse is not None:
            along = torch.bmm(block.centres[:, None], part[:, :, None]).view(-1) * self._turns[block.where]
            part.addcmul_(block.centres, along[:, None], value=-1)
        if not sliced:
            total.weight[block.where] = part

    def true_scores(self) -> Tensor:
        """``(B,)`` scores of the true classes; 0 where their centres are elsewhere."""
        return self._true()[0].amax(dim=1).masked_fill(self.labels < 0, 0.0)

    def _true(self) -> tuple[Tensor, Tensor, Tensor]:
        """The true classes' scores ``(B, K)``, the rows of their centres ``(B, K)`` and these ``(B, K, d)``."""
        where = self.labels.clamp(min=0)[:, None] * self.each + torch.arange(self.each, device=self.labels.device)
        centres = self.weight[where]
        scores = torch.bmm(centres, self.rows[:, :, None]).squeeze(2)
        if self.bias is not None:
            scores = scores + self.bias[where]
        return (scores if self.inverse is None else scores * self.inverse[where]), where, centres

    def add_true_gradients(self, gradient: Tensor, total: BlockGradients) -> None:
        """Add what the true scores say; ``gradient`` is theirs, ``(B,)``."""
        scores, where, centres = self._true()
        ties = scores == scores.amax(dim=1, keepdim=True)
        by_score = ties * (gradient.masked_fill(self.labels < 0, 0.0) / ties.sum(dim=1))[:, None]
        if total.bias is not None:
            total.bias.index_add_(0, where.view(-1), by_score.view(-1))
        by_product = by_score if self.inverse is None else by_score * self.inverse[where]
        total.rows += torch.bmm(by_product[:, None], centres).squeeze(1)
        if total.weight is None:
            return
        by_centre = by_product[:, :, None] * self.rows[:, None]
        if self.inverse is not None:
            along = by_score * scores * self._turns[where]
            by_centre = by_centre - along[:, :, None] * centres
        total.weight.index_add_(0, where.view(-1), by_centre.flatten(0, 1))
