"""The head whose classes are split over the processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

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
from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import Reduction, ScaledMargin
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.heads.block_reduction import BlockReduction
from maskrec.losses.heads.chunked_head import block_problems, target_and_logsumexp
from maskrec.losses.heads.class_blocks import BLOCK, ClassBlocks
from maskrec.losses.heads.class_centres import START, ClassCentres, Start
from maskrec.losses.inputs import unit_rows


class Sharded(ClassCentres):
    """Each process holds an equal part of the classes; together they compute what ``chunked`` computes.

    The embeddings of all processes are gathered, compared with each one's own classes block by block, and maximum and
    sum are reduced. Weights and the optimizer's state of them are saved a file a process, and a run goes on with any
    number of processes.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities C, at least as many as processes.
        centres_per_class: K; a sample counts by the nearest of its class's centres; see ``dense``.
        init: how long the centres are at first; see ``start_centres``.
        block: how many centres are compared at once.

    Raises:
        ValueError: a parameter out of range, or fewer classes than processes.
    """

    scope: ClassVar[Literal["sharded"]] = "sharded"

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        centres_per_class: int = 1,
        init: Start = START,
        block: int = BLOCK,
    ) -> None:
        refuse(Sharded.check({"centres_per_class": centres_per_class, "block": block}, CheckContext()))
        if num_classes < world_size():
            raise ValueError(f"{num_classes} classes cannot be split over {world_size()} processes; use head: chunked")
        held = shard_bounds(num_classes)
        super().__init__(embedding_size, num_classes, centres_per_class, init, held)
        self.first, self.end, self.block = *held, block

    @property
    def sharded_classes(self) -> int:
        """Over all processes; weights are cut by ``shard_bounds`` of it, so that a run can be cut anew."""
        return self.num_classes

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A number of centres or a block out of range."""
        yield from ClassCentres.check(values, context)
        yield from block_problems(values)

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)`` of this process's samples, each ``(b,)``; every process must call it.

        A margin sees these samples only, as with any other head.
        """
        counts = row_counts(labels)
        start = sum(counts[: rank()])
        here = slice(start, start + counts[rank()])
        rows = gather_rows(embeddings if margin is None else unit_rows(embeddings), counts)
        way = self._reduction(rows, gather_rows(labels, counts), margin is not None)
        true = all_reduce_sum(way.true)[here]
        target = true if margin is None else margin.target(true)
        gathered = gather_rows(target, counts) if margin is not None and margin.changes_others else way.true
        own, own_best = way.others(margin, gathered)
        others, best = over_processes(own, own_best, "logsumexp" if margin is None else margin.reduction)
        self.remember(best[here] < true.detach(), true)
        return target_and_logsumexp(target, others[here], margin)

    def _reduction(self, rows: Tensor, labels: Tensor, cosines: bool) -> BlockReduction:
        """All processes' rows against this one's classes."""
        weight = self.weight.to(rows.dtype)
        bias = None if self.bias is None else self.bias.to(rows.dtype)
        held = (labels >= self.first) & (labels < self.end)
        labels = torch.where(held, labels - self.first, -1)
        blocks = ClassBlocks(rows, weight, bias, labels, self.centres_per_class, self.block, cosines)
        return BlockReduction(blocks, rows, weight, bias)


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
