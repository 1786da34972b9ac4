"""The head whose classes are split over the processes."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from maskrec.contracts.collectives import (
    all_reduce_max,
    all_reduce_sum,
    gather_rows,
    rank,
    row_counts,
    shard_bounds,
    world_size,
)
from maskrec.contracts.margin import Reduction, ScaledMargin
from maskrec.losses.heads.block_head import BlockHead, target_and_logsumexp
from maskrec.losses.inputs import unit_rows


class Sharded(BlockHead):
    """Each process holds an equal part of the classes; together they compute what ``chunked`` computes.

    The embeddings of all processes are gathered, compared with each one's own classes block by block, and maximum and
    sum are reduced. Weights and the optimizer's state of them are saved a file a process, and a run goes on with any
    number of processes. There must be at least as many classes as processes.
    """

    scope: ClassVar[Literal["sharded"]] = "sharded"

    def held_classes(self) -> tuple[int, int]:
        """This process's share.

        Raises:
            ValueError: fewer classes than processes.
        """
        if self.num_classes < world_size():
            raise ValueError(
                f"{self.num_classes} classes cannot be split over {world_size()} processes; use head: chunked"
            )
        return shard_bounds(self.num_classes)

    @property
    def sharded_classes(self) -> int:
        """Over all processes; weights are cut by ``shard_bounds`` of it, so that a run can be cut anew."""
        return self.num_classes

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)`` of this process's samples, each ``(b,)``; every process must call it.

        A margin sees these samples only, as with any other head.
        """
        counts = row_counts(labels)
        start = sum(counts[: rank()])
        here = slice(start, start + counts[rank()])
        rows = gather_rows(embeddings if margin is None else unit_rows(embeddings), counts)
        way = self.reduction(rows, self._own(gather_rows(labels, counts)), margin is not None)
        true = all_reduce_sum(way.true)[here]
        target = true if margin is None else margin.target(true)
        gathered = gather_rows(target, counts) if margin is not None and margin.changes_others else way.true
        own, own_best = way.others(margin, gathered)
        others, best = over_processes(own, own_best, "logsumexp" if margin is None else margin.reduction)
        self.remember(best[here] < true.detach(), true)
        return target_and_logsumexp(target, others[here], margin)

    def _own(self, labels: Tensor) -> Tensor:
        """All processes' labels as this one's classes are numbered; -1 for those of the others."""
        first, end = shard_bounds(self.num_classes)
        return torch.where((labels >= first) & (labels < end), labels - first, -1)


def over_processes(own: Tensor, best: Tensor, reduction: Reduction) -> tuple[Tensor, Tensor]:
    """The reduced logits of all processes' classes and their largest score, from those of each one's.

    Args:
        own: ``(B,)`` logsumexp, or sum of softplus, of this process's classes, with gradient.
        best: ``(B,)``.
        reduction: which of them.
    """
    if world_size() == 1:
        return own, best
    top, best = all_reduce_max(torch.stack([own.detach(), best]))
    if reduction == "softplus_sum":
        return all_reduce_sum(own), best
    return top + all_reduce_sum((own - top).exp()).log(), best
