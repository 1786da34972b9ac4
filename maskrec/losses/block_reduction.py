"""The reduction over all classes of ``class_blocks``, with gradient: the backward pass computes each block again.

Two nodes of the graph share one gradient of the centres, since a second one would be as large as the centres: that of
the true scores comes last in the backward pass, because the other one takes ``link`` from it, and returns both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from maskrec.contracts.margin import Reduction, ScaledMargin
from maskrec.losses.class_blocks import Block, BlockGradients, ClassBlocks
from maskrec.losses.inputs import full_precision


class BlockReduction:
    """One batch's way through the blocks.

    Args:
        blocks: of the tensors below.
        rows: ``(B, d)``, with graph.
        weight: the centres, with graph.
        bias: of plain products, or None.
    """

    def __init__(self, blocks: ClassBlocks, rows: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        self.blocks, self.rows = blocks, rows
        self.wants = tuple(each is not None and each.requires_grad for each in (weight, bias))
        self.waiting: BlockGradients | None = None
        self.true, self._link = _TrueScores.apply(self, rows, weight, None if blocks.bias is None else bias)

    def others(self, margin: ScaledMargin | None, target: Tensor) -> tuple[Tensor, Tensor]:
        """The other classes of each sample.

        Args:
            margin: changes their cosines and holds the scale; None for plain products.
            target: ``(B,)``, the true class's cosines with the margin; used where the margin changes others.

        Returns:
            ``(B,)`` logsumexp of their logits (minus infinity where there are no others), or the sum of their softplus;
            and ``(B,)``, without gradient, the largest of their scores.
        """
        scale, own = None, ()
        if margin is not None:
            scale = margin.scale if isinstance(margin.scale, Tensor) else None
            if margin.changes_others and isinstance(margin.margin, nn.Module):
                own = tuple(margin.margin.parameters())
        target = target if margin is not None and margin.changes_others else target.detach()
        found: tuple[Tensor, Tensor] = _ReducedOthers.apply(self, margin, self.rows, self._link, target, scale, *own)
        return found

    def begin(self) -> BlockGradients:
        """Gradients of 0, but for those that every block writes itself."""
        weight = bias = None
        if self.wants[0]:
            whole = self.blocks.chosen is None
            weight = torch.empty_like(self.blocks.weight) if whole else torch.zeros_like(self.blocks.weight)
        if self.blocks.bias is not None and self.wants[1]:
            bias = torch.zeros_like(self.blocks.bias)
        return BlockGradients(torch.zeros_like(self.blocks.rows), weight, bias)

    def take_waiting(self) -> BlockGradients:
        """Those of the other classes with rows of 0; gradients of 0 where that node had none."""
        waiting, self.waiting = self.waiting, None
        if waiting is None:
            waiting = self.begin()
            if waiting.weight is not None:
                waiting.weight.zero_()
            return waiting
        return BlockGradients(torch.zeros_like(waiting.rows), waiting.weight, waiting.bias)


class _TrueScores(torch.autograd.Function):
    """``(B,)`` scores of the true classes, and an empty tensor that orders the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, way: BlockReduction, rows: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.way = way
        ctx.save_for_backward(rows, weight)  # so that torch refuses a backward pass after either was changed
        return way.blocks.true_scores(), rows.new_empty(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, link: Tensor) -> tuple[Tensor | None, ...]:
        _, _ = ctx.saved_tensors  # asking for them is what makes torch look whether they were changed
        with full_precision(gradient):
            total = ctx.way.take_waiting()
            ctx.way.blocks.add_true_gradients(gradient, total)
        return None, total.rows, total.weight, total.bias


class _ReducedOthers(torch.autograd.Function):
    """As ``BlockReduction.others``."""

    @staticmethod
    def forward(
        ctx: Any,
        way: BlockReduction,
        margin: ScaledMargin | None,
        rows: Tensor,
        link: Tensor,
        target: Tensor,
        scale: Tensor | None,
        *own: Tensor,
    ) -> tuple[Tensor, Tensor]:
        reduced, best = _reduce(way.blocks, margin, target)
        ctx.way, ctx.margin, ctx.own = way, margin, own
        ctx.save_for_backward(target, reduced)
        ctx.mark_non_differentiable(best)
        return reduced, best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, best: Tensor) -> tuple[Tensor | None, ...]:
        target, reduced = ctx.saved_tensors
        others = _OthersGradient(ctx.way, ctx.margin, target, reduced, gradient, ctx.own)
        with full_precision(gradient):
            total = others.over_blocks()
        ctx.way.waiting = total
        wanted = ctx.needs_input_grad
        by_scale = others.by_scale(total) if wanted[5] else None
        by_own = [each if needed else None for each, needed in zip(others.by_own, wanted[6:], strict=True)]
        return None, None, total.rows, None, others.by_target, by_scale, *by_own


def _reduce(blocks: ClassBlocks, margin: ScaledMargin | None, target: Tensor) -> tuple[Tensor, Tensor]:
    """``(B,)`` reduced logits of the other classes, and the largest of their scores."""
    softplus, changes, scale = _how(margin)
    tops, sums, bests = [], [], []
    for block in blocks:
        nearest = blocks.nearest(blocks.scores(block, None if changes else scale))
        moved = margin.others(nearest, target) * scale if margin is not None and changes else None
        best = blocks.hide_true(nearest, block).amax(dim=1)
        logits = nearest if moved is None else blocks.hide_true(moved, block)
        top = best if moved is None else logits.amax(dim=1)
        bests.append(best if changes else best / scale)
        if softplus:
            sums.append(-F.logsigmoid(-logits).sum(dim=1))
            continue
        tops.append(top)
        sums.append(logits.sub_(_finite(top)[:, None]).exp_().sum(dim=1))
    best = torch.stack(bests).amax(dim=0)
    if softplus:
        return torch.stack(sums).sum(dim=0), best
    return add_exponentials(torch.stack(tops), torch.stack(sums)), best


def add_exponentials(tops: Tensor, sums: Tensor) -> Tensor:
    """``log(sum(sums * exp(tops)))`` over the first dimension; minus infinity where every top is."""
    top = _finite(tops.amax(dim=0))
    return top + (sums * (tops - top).exp()).sum(dim=0).log()


def _finite(tops: Tensor) -> Tensor:
    """What can be subtracted from logits: 0 where all of them are minus infinity."""
    return tops.masked_fill(tops == -torch.inf, 0.0)


def _how(margin: ScaledMargin | None) -> tuple[bool, bool, float | Tensor]:
    """Whether softplus is summed, whether the margin changes the other classes, and the scale without graph."""
    if margin is None:
        return False, False, 1.0
    scale = margin.scale.detach() if isinstance(margin.scale, Tensor) else margin.scale
    reduction: Reduction = margin.reduction
    return reduction == "softplus_sum", margin.changes_others, scale


class _OthersGradient:
    """The backward pass of ``_ReducedOthers``."""

    def __init__(
        self,
        way: BlockReduction,
        margin: ScaledMargin | None,
        target: Tensor,
        reduced: Tensor,
        gradient: Tensor,
        own: tuple[Tensor, ...],
    ) -> None:
        self.way, self.margin, self.own = way, margin, own
        self.softplus, self.changes, self.scale = _how(margin)
        self.target, self.reduced, self.gradient = target, _finite(reduced), gradient
        self.by_target = torch.zeros_like(target) if self.changes else None
        self.by_own: list[Tensor | None] = [None] * len(own)
        self.by_changed_scale = torch.zeros((), dtype=gradient.dtype, device=gradient.device)

    def over_blocks(self) -> BlockGradients:
        """Of rows and centres; the others are attributes."""
        blocks, total = self.way.blocks, self.way.begin()
        for block in blocks:
            scores = blocks.scores(block, None if self.changes else self.scale)
            nearest = blocks.nearest(scores)
            ties = blocks.ties(scores, nearest)
            by_nearest = self._changed(nearest, block) if self.changes else self._plain(nearest, block)
            blocks.add_gradients(block, blocks.spread(by_nearest, ties), total)
        return total

    def by_scale(self, total: BlockGradients) -> Tensor | None:
        """Of a learned scale: ``sum(gradient * cosine)``, which the gradient of rows holds already."""
        if not isinstance(self.scale, Tensor):
            return None
        plain = (self.way.blocks.rows * total.rows).sum() / self.scale
        return (self.by_changed_scale if self.changes else plain).to(self.scale.dtype)

    def _plain(self, nearest: Tensor, block: Block) -> Tensor:
        """``(B, c)`` gradient of scores that count as they are, in place of their logits."""
        logits = self.way.blocks.hide_true(nearest, block)
        return self._by_logits(logits).mul_((self.gradient * self.scale)[:, None])

    def _changed(self, nearest: Tensor, block: Block) -> Tensor:
        """``(B, c)`` gradient of scores that the margin changes, by autograd within the block."""
        assert self.margin is not None
        with torch.enable_grad():
            target = self.target.detach().requires_grad_()
            scores = nearest.detach().requires_grad_()
            moved = self.margin.others(scores, target)
        if not moved.requires_grad:
            return torch.zeros_like(nearest)
        logits = moved.detach() * self.scale
        by_logits = self._by_logits(self.way.blocks.hide_true(logits, block)).mul_(self.gradient[:, None])
        self.by_changed_scale += (by_logits * moved.detach()).sum()
        asked = [scores, target, *(each for each in self.own if each.requires_grad)]
        by_scores, by_target, *by_own = torch.autograd.grad(moved, asked, by_logits * self.scale, allow_unused=True)
        if by_target is not None and self.by_target is not None:
            self.by_target += by_target
        found = iter(by_own)
        for place, each in enumerate(self.own):
            new = next(found) if each.requires_grad else None
            before = self.by_own[place]
            self.by_own[place] = before if new is None else new if before is None else before + new
        return torch.zeros_like(nearest) if by_scores is None else by_scores

    def _by_logits(self, logits: Tensor) -> Tensor:
        """``(B, c)`` slopes of the reduction, in place of the logits."""
        return logits.sigmoid_() if self.softplus else logits.sub_(self.reduced[:, None]).exp_()
