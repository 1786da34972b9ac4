"""The head that compares with a drawn share of the classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from maskrec.base.random import mix64
from maskrec.contracts.collectives import all_reduce_sum, gather_rows
from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext, ScaledMargin
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.heads.chunked_head import Chunked
from maskrec.losses.heads.class_blocks import BLOCK
from maskrec.losses.heads.class_centres import START, Start

SHARE = 0.1


class Sampled(Chunked):
    """Each step with a part of the classes: those of the batch, and others that are drawn.

    "Partial FC: Training 10 Million Identities on a Single Machine" (An et al., 2021). The arithmetic is ``share`` of
    what ``chunked`` needs, and the loss is that of a smaller problem, so it is lower than over all classes. Which
    classes are drawn belongs to the samples' places in the epoch and does not depend on the number of processes.
    Centres that are not drawn have a gradient of 0; an optimizer's momentum and weight decay still move them.

    Args:
        share: of all classes, in (0, 1]; at least as many as the batch has samples. 1 is ``chunked``.

    Raises:
        ValueError: a parameter out of range, or a loss without margin, which has no random numbers.
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        centres_per_class: int = 1,
        init: Start = START,
        block: int = BLOCK,
        share: float = SHARE,
    ) -> None:
        super().__init__(embedding_size, num_classes, centres_per_class, init, block)
        refuse(share_problems({"share": share}))
        self.share = share

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A number of centres, a block or a share out of range."""
        yield from Chunked.check(values, context)
        yield from share_problems(values)

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)`` over the batch's classes and the drawn ones, each ``(B,)``.

        Raises:
            ValueError: no margin.
        """
        if margin is None:
            raise ValueError("the sampled head draws by a margin's context: use it with a margin, or use chunked")
        chosen = None if self.share == 1 else self.chosen(margin.context)
        return self._over_blocks(embeddings, labels, margin, chosen)

    def chosen(self, context: MarginContext) -> Tensor:
        """int64, sorted: the classes of all processes' samples, and drawn ones."""
        everyone = gather_rows(context.labels)
        count = min(self.num_classes, max(math.ceil(self.share * self.num_classes), len(everyone)))
        # A sum of whole numbers is the same in any order, so also for any number of processes.
        key = all_reduce_sum(context.draws.integers("classes", 0, 2**31 - 1).sum())
        classes = torch.arange(self.num_classes, device=everyone.device)
        places = mix64(mix64(classes) + mix64(key)).index_fill_(0, everyone, torch.iinfo(torch.int64).max)
        return places.topk(count).indices.sort().values


def share_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a ``share``."""
    if not 0 < values["share"] <= 1:
        yield Problem(f"share must be above 0 and at most 1, not {values['share']}", "share")
