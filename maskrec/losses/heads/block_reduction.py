"""The reduction over all classes of ``class_blocks``, with gradient: the backward pass computes each block again.

Two nodes of the graph share one gradient of the centres, since a second one would be as large as the centres: that of
the true scores comes last in the backward pass, because the other one takes ``link`` from it, and returns both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from maskrec.contracts.margin import ScaledMargin
from maskrec.losses.heads.class_blocks import BlockGradients, ClassBlocks
from maskrec.losses.heads.others_over_blocks import OthersGradient, reduce_others
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
        self._rows, self._shared = rows, _SharedGradient(blocks, weight, bias)
        self.true, self._link = _TrueScores.apply(self._shared, rows, weight, None if blocks.bias is None else bias)

    def others(self, margin: ScaledMargin | None, target: Tensor) -> tuple[Tensor, Tensor]:
        """The other classes of each sample.

        Args:
            margin: changes their cosines and holds the scale; None for plain products.
            target: ``(B,)``, the true class's cosines with the margin; used where the margin changes others.

        Returns:
            ``(B,)`` logsumexp of their logits (minus infinity where there are no others), or the sum of their softplus;
            and ``(B,)``, without gradient, the largest of their scores.
        """
        scale: Tensor | None = None
        own: tuple[Tensor, ...] = ()
        if margin is not None:
            scale = margin.scale if isinstance(margin.scale, Tensor) else None
            if margin.changes_others and isinstance(margin.margin, nn.Module):
                own = tuple(margin.margin.parameters())
        target = target if margin is not None and margin.changes_others else target.detach()
        found: tuple[Tensor, Tensor] = _ReducedOthers.apply(
            self._shared, margin, self._rows, self._link, target, scale, *own
        )
        return found


class _SharedGradient:
    """What both nodes know; neither's result is kept here, so that a graph that nobody needs is freed at once."""

    def __init__(self, blocks: ClassBlocks, weight: Tensor, bias: Tensor | None) -> None:
        self.blocks = blocks
        self.wants = tuple(each is not None and each.requires_grad for each in (weight, bias))
        self.waiting: BlockGradients | None = None

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
        ctx: Any, shared: _SharedGradient, rows: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.shared = shared
        ctx.save_for_backward(rows, weight)  # so that torch refuses a backward pass after either was changed
        return shared.blocks.true_scores(), rows.new_empty(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, link: Tensor) -> tuple[Tensor | None, ...]:
        _, _ = ctx.saved_tensors  # asking for them is what makes torch look whether they were changed
        with full_precision(gradient):
            total = ctx.shared.take_waiting()
            ctx.shared.blocks.add_true_gradients(gradient, total)
        return None, total.rows, total.weight, total.bias


class _ReducedOthers(torch.autograd.Function):
    """As ``BlockReduction.others``."""

    @staticmethod
    def forward(
        ctx: Any,
        shared: _SharedGradient,
        margin: ScaledMargin | None,
        rows: Tensor,
        link: Tensor,
        target: Tensor,
        scale: Tensor | None,
        *own: Tensor,
    ) -> tuple[Tensor, Tensor]:
        reduced, best = reduce_others(shared.blocks, margin, target)
        ctx.shared, ctx.margin, ctx.own = shared, margin, own
        ctx.save_for_backward(target, reduced)
        ctx.mark_non_differentiable(best)
        return reduced, best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, best: Tensor) -> tuple[Tensor | None, ...]:
        target, reduced = ctx.saved_tensors
        others = OthersGradient(ctx.shared.blocks, ctx.margin, target, reduced, gradient, ctx.own)
        total = ctx.shared.waiting = ctx.shared.begin()
        with full_precision(gradient):
            others.over_blocks(total)
        wanted = ctx.needs_input_grad
        by_scale = others.by_scale(total) if wanted[5] else None
        by_own = [each if needed else None for each, needed in zip(others.by_own, wanted[6:], strict=True)]
        return None, None, total.rows, None, others.by_target, by_scale, *by_own
