"""Heads: the class centres and what is reduced over all classes; ``contracts.margin`` says what one must do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import Head, Reduction, ScaledMargin
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.inputs import SHORTEST, unit_rows

HeadName = Literal["dense"]
Start = Literal["xavier", "unit"]
START: Start = "xavier"


class Dense(nn.Module):
    """All logits of a batch at once, ``(B, C)``: exact, and the fastest while they fit into memory.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities C.
        centres_per_class: K; a sample counts by the nearest of its class's centres, so that unlike photos of one person
            need not share one ("Sub-center ArcFace", Deng et al., 2020). Rows c * K to c * K + K - 1 of ``weight`` are
            those of class c.
        init: how long the centres are at first; see ``start_centres``.

    Raises:
        ValueError: a parameter out of range.
    """

    scope: ClassVar[Literal["sample"]] = "sample"
    bias: Tensor | None

    def __init__(self, embedding_size: int, num_classes: int, centres_per_class: int = 1, init: Start = START) -> None:
        super().__init__()
        refuse(self.check({"centres_per_class": centres_per_class}, CheckContext()))
        self.embedding_size, self.num_classes = embedding_size, num_classes
        self.centres_per_class = centres_per_class
        self.weight = nn.Parameter(torch.empty(num_classes * centres_per_class, embedding_size))
        start_centres(self.weight, init)
        self.register_parameter("bias", None)
        self._seen: dict[str, Tensor] = {}

    def add_bias(self) -> None:
        """Gives each centre a bias, 0 at first; it is added to plain products and not to cosines."""
        self.bias = nn.Parameter(torch.zeros(len(self.weight)))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A number of centres out of range."""
        if values["centres_per_class"] < 1:
            yield Problem(
                f"centres_per_class must be at least 1, not {values['centres_per_class']}", "centres_per_class"
            )

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)``, each ``(B,)``; see ``contracts.margin.Head``."""
        scores = self.products(embeddings) if margin is None else self.cosines(embeddings)
        true = scores.gather(1, labels[:, None]).squeeze(1)
        self._remember(scores.detach(), true.detach(), labels)
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

    def _remember(self, scores: Tensor, true: Tensor, labels: Tensor) -> None:
        self._seen = {
            "accuracy": (scores.argmax(dim=1) == labels).float().mean(),
            "true_class_score": true.mean(),
        }

    def diagnostics(self) -> dict[str, Tensor]:
        """Of the last forward: ``accuracy`` (share of samples nearest to their true class, without margin) and
        ``true_class_score`` (the mean cosine to it; without a margin the mean product)."""
        return dict(self._seen)


def start_centres(weight: Tensor, init: Start) -> None:
    """Draw class centres in place, by torch's global random numbers.

    ``unit``: normal, of length about 1. ``xavier``: uniform as in Glorot and Bengio, 2010, over the whole matrix, of
    length about ``sqrt(2 * d / (C + d))``: 0.30 for 10,585 centres of 512 numbers. A loss over cosines does not see a
    centre's length, but its gradient is as much larger as the centre is shorter, so that a step turns a centre of
    length 0.30 about 11 times as far (``benchmarks/class_centre_start.py``).

    Args:
        weight: ``(C, d)``.
        init: which of the two.
    """
    if init == "xavier":
        nn.init.xavier_uniform_(weight)
    else:
        nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))


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


def head_of(name: HeadName, embedding_size: int, num_classes: int) -> Head:
    """The head of that name, one centre a class."""
    heads: dict[str, type[Dense]] = {"dense": Dense}
    return heads[name](embedding_size, num_classes)
