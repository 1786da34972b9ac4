"""The head that goes through the classes block by block."""

from __future__ import annotations

from torch import Tensor

from maskrec.contracts.margin import ScaledMargin
from maskrec.losses.heads.block_head import BlockHead, target_and_logsumexp
from maskrec.losses.inputs import unit_rows


class Chunked(BlockHead):
    """The same numbers as ``dense`` without its logits: classes are compared block by block.

    Exact. The backward pass computes each block of logits again, so a step has four products of matrices in place of
    three, and holds ``batch x block`` numbers in place of ``batch x classes``.
    """

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
