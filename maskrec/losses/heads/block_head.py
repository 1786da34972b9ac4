"""What heads have in common that go through the classes block by block."""

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


class BlockHead(ClassCentres):
    """Class centres that are compared some at a time."""

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        centres_per_class: int = 1,
        init: Start = START,
        block: int = BLOCK,
    ) -> None:
        """Draw the centres.

        Args:
            embedding_size: of the backbone's embeddings.
            num_classes: training identities C.
            centres_per_class: K; a sample counts by the nearest of its class's centres; see ``dense``.
            init: how long the centres are at first; see ``dense``.
            block: how many centres are compared at once, at least 1.

        Raises:
            ValueError: a parameter out of range.
        """
        refuse(BlockHead.check({"centres_per_class": centres_per_class, "block": block}, CheckContext()))
        super().__init__(embedding_size, num_classes, centres_per_class, init)
        self.block = block

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A number of centres or a block out of range."""
        yield from ClassCentres.check(values, context)
        if values["block"] < 1:
            yield Problem(f"block must be at least 1, not {values['block']}", "block")

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
