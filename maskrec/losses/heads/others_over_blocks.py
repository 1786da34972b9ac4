"""The other classes of each sample, reduced block by block: forward, and what it says backward."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.contracts.margin import Reduction, ScaledMargin
from maskrec.losses.heads.class_blocks import Block, BlockGradients, ClassBlocks


def reduce_others(blocks: ClassBlocks, margin: ScaledMargin | None, target: Tensor) -> tuple[Tensor, Tensor]:
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
    return _add_exponentials(torch.stack(tops), torch.stack(sums)), best


def _add_exponentials(tops: Tensor, sums: Tensor) -> Tensor:
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


class OthersGradient:
    """The backward pass of ``reduce_others``, which computes each block again.

    Args:
        blocks: as in the forward pass.
        margin: likewise.
        target: likewise.
        reduced: ``(B,)``, what it returned.
        gradient: ``(B,)``, of that.
        own: the margin's parameters.
    """

    def __init__(
        self,
        blocks: ClassBlocks,
        margin: ScaledMargin | None,
        target: Tensor,
        reduced: Tensor,
        gradient: Tensor,
        own: tuple[Tensor, ...],
    ) -> None:
        self.blocks, self.margin, self.own = blocks, margin, own
        self.softplus, self.changes, self.scale = _how(margin)
        self.target, self.reduced, self.gradient = target, _finite(reduced), gradient
        self.by_target = torch.zeros_like(target) if self.changes else None
        self.by_own: list[Tensor | None] = [None] * len(own)
        self.by_changed_scale = torch.zeros((), dtype=gradient.dtype, device=gradient.device)

    def over_blocks(self, total: BlockGradients) -> None:
        """Add those of rows and centres to ``total``; the others are attributes."""
        blocks = self.blocks
        for block in blocks:
            scores = blocks.scores(block, None if self.changes else self.scale)
            nearest = blocks.nearest(scores)
            ties = blocks.ties(scores, nearest)
            by_nearest = self._changed(nearest, block) if self.changes else self._plain(nearest, block)
            blocks.add_gradients(block, blocks.spread(by_nearest, ties), total)

    def by_scale(self, total: BlockGradients) -> Tensor | None:
        """Of a learned scale: ``sum(gradient * cosine)``, which the gradient of rows holds already."""
        if not isinstance(self.scale, Tensor):
            return None
        plain = (self.blocks.rows * total.rows).sum() / self.scale
        return (self.by_changed_scale if self.changes else plain).to(self.scale.dtype)

    def _plain(self, nearest: Tensor, block: Block) -> Tensor:
        """``(B, c)`` gradient of scores that count as they are, in place of their logits."""
        logits = self.blocks.hide_true(nearest, block)
        return self._by_logits(logits).mul_((self.gradient * self.scale)[:, None])

    def _changed(self, nearest: Tensor, block: Block) -> Tensor:
        """``(B, c)`` gradient of scores that the margin changes, by autograd within the block."""
        assert self.margin is not None
        with torch.enable_grad():
            target = self.target.detach().requires_grad_()
            scores = nearest.detach().requires_grad_()
            moved = self.margin.others(scores, target)
        logits = moved.detach() * self.scale
        by_logits = self._by_logits(self.blocks.hide_true(logits, block)).mul_(self.gradient[:, None])
        self.by_changed_scale += (by_logits * moved.detach()).sum()
        if not moved.requires_grad:
            return torch.zeros_like(nearest)
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
