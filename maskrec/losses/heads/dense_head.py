"""The head that computes all logits of a batch at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import Reduction, ScaledMargin
from maskrec.contracts.problem import Problem
from maskrec.losses.heads.class_centres import ClassCentres
from maskrec.losses.inputs import SHORTEST, unit_rows

MANY_CLASSES = 100_000
_USUAL_BATCH = 256


class Dense(ClassCentres):
    """All logits of a batch at once, ``(B, C)``: exact, and the fastest while they fit into memory."""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A number of centres out of range; a note from 100,000 classes on."""
        yield from ClassCentres.check(values, context)
        yield from many_classes_note(context, "", values["centres_per_class"])

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)``, each ``(B,)``; see ``contracts.margin.Head``."""
        scores = self.products(embeddings) if margin is None else self.cosines(embeddings)
        true = scores.gather(1, labels[:, None]).squeeze(1)
        # Only the true class itself is as near: no argmax over all classes, and classes that tie are not right.
        self.remember((scores.detach() >= true.detach()[:, None]).sum(dim=1) == 1, true)
        if margin is None:
            return reduce_logits(scores, labels, "logsumexp")
        target = margin.target(true)
        moved = margin.others(scores, target).scatter(1, labels[:, None], target[:, None])
        return reduce_logits(margin.scale * moved, labels, margin.reduction)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """``(B, C)`` cosines to each class's nearest centre."""
        return self._nearest(
            F.linear(unit_rows(embeddings), F.normalize(self.weight.to(embeddings.dtype), eps=SHORTEST))
        )

    def products(self, embeddings: Tensor) -> Tensor:
        """``(B, C)`` products with each class's best centre, and the bias."""
        bias = None if self.bias is None else self.bias.to(embeddings.dtype)
        return self._nearest(F.linear(embeddings, self.weight.to(embeddings.dtype), bias))

    def _nearest(self, scores: Tensor) -> Tensor:
        if self.centres_per_class == 1:
            return scores
        return scores.view(-1, self.num_classes, self.centres_per_class).amax(dim=2)


def many_classes_note(context: CheckContext, path: str, centres_per_class: int = 1) -> Iterator[Problem]:
    """A note with the memory that another head would save, from ``MANY_CLASSES`` on.

    A training step holds four matrices of batch x classes at its peak, and the centres of unit length with their
    gradient; block by block next to nothing (``benchmarks/bench_heads.py``).

    Args:
        context: of a check; with the number of classes once the data is open.
        path: of the parameter that names the head.
        centres_per_class: K.
    """
    classes, size = context.givens.get("num_classes") or 0, context.givens.get("embedding_size") or 0
    if classes < MANY_CLASSES:
        return
    saved = 4 * classes * (4 * _USUAL_BATCH + 2 * centres_per_class * size) / 1e9
    yield Problem(
        f"with {classes:,} classes, head: chunked would save {saved:.1f} GB of memory at a batch of {_USUAL_BATCH} "
        "images, and computes the same numbers",
        path,
        "set head: chunked in the loss (docs/heads.md)",
        note=True,
    )


def reduce_logits(logits: Tensor, labels: Tensor, reduction: Reduction) -> tuple[Tensor, Tensor]:
    """``(target, logsumexp)`` of ``(B, C)`` logits, each ``(B,)``; see ``contracts.margin.Head``."""
    column = labels[:, None]
    if reduction == "softplus_sum":
        # softplus(x) is -logsigmoid(-x): torch's softplus is cut to x above 20.
        others = -F.logsigmoid(-logits).scatter(1, column, 0.0)
        return F.logsigmoid(logits.gather(1, column)).squeeze(1), others.sum(dim=1)
    # log_softmax subtracts the logsumexp from both, which leaves 0 of it. In float32 the difference of two logits near
    # 64 would leave no digits below 4e-6 of an entropy.
    target = F.log_softmax(logits, dim=1).gather(1, column).squeeze(1)
    return target, torch.zeros_like(target)
