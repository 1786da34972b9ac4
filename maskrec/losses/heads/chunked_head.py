"""The head that goes through the classes block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import ScaledMargin
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.heads.block_reduction import BlockReduction
from maskrec.losses.heads.class_blocks import BLOCK, ClassBlocks
from maskrec.losses.heads.class_centres import START, ClassCentres, Start
from maskrec.losses.inputs import unit_rows


class Chunked(ClassCentres):
    """The same numbers as ``dense`` without its logits: classes are compared block by block.

    Exact. The backward pass computes each block of logits again, so a step has four products of matrices in place of
    three, and holds ``batch x block`` numbers in place of ``batch x classes``.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities C.
        centres_per_class: K; a sample counts by the nearest of its class's centres; see ``dense``.
        init: how long the centres are at first; see ``start_centres``.
        block: how many centres are compared at once.

    Raises:
        ValueError: a parameter out of range.
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        centres_per_class: int = 1,
        init: Start = START,
        block: int = BLOCK,
    ) -> None:
        super().__init__(embedding_size, num_classes, centres_per_class, init)
        refuse(Chunked.check({"centres_per_class": centres_per_class, "block": block}, CheckContext()))
        self.block = block

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A number of centres or a block out of range."""
        yield from ClassCentres.check(values, context)
        yield from block_problems(values)

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)``, each ``(B,)``; see ``contracts.margin.Head``."""
        return self._over_blocks(embeddings, labels, margin, None)

    def _over_blocks(
        self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None, chosen: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As ``forward``, over the classes ``chosen`` (int64, sorted) or over all."""
        rows = embeddings if margin is None else unit_rows(embeddings)
        way = self.reduction(rows, labels, margin is not None, chosen)
        target = way.true if margin is None else margin.target(way.true)
        others, best = way.others(margin, target)
        self.remember(best < way.true.detach(), way.true)
        return target_and_logsumexp(target, others, margin)

    def reduction(self, rows: Tensor, labels: Tensor, cosines: bool, chosen: Tensor | None = None) -> BlockReduction:
        """The batch's way through the blocks of this process's centres; arguments as of ``ClassBlocks``."""
        weight = self.weight.to(rows.dtype)
        bias = None if self.bias is None else self.bias.to(rows.dtype)
        blocks = ClassBlocks(rows, weight, bias, labels, self.centres_per_class, self.block, cosines, chosen)
        return BlockReduction(blocks, rows, weight, bias)


def target_and_logsumexp(target: Tensor, others: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
    """What a head returns, from the true class's cosine (or product) and the reduced logits of the others.

    Args:
        target: ``(B,)``, with the margin.
        others: ``(B,)``, their logsumexp or the sum of their softplus.
        margin: as the head was given it.
    """
    logit = target if margin is None else margin.scale * target
    if margin is not None and margin.reduction == "softplus_sum":
        return F.logsigmoid(logit), others
    # The log of p, without the difference of two large numbers; the logsumexp itself is subtracted from both.
    target = F.logsigmoid(logit - others)
    return target, torch.zeros_like(target)


def block_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a ``block``."""
    if values["block"] < 1:
        yield Problem(f"block must be at least 1, not {values['block']}", "block")
