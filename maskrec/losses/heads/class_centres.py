"""What all heads have: the class centres, how they begin, and the diagnostics of a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse

Start = Literal["xavier", "unit"]
START: Start = "xavier"
DRAWN_TOGETHER = 2**22  # numbers of a shard's centres that are drawn at once


class ClassCentres(nn.Module):
    """The centres ``weight``, ``(classes * centres_per_class, d)``, and an optional ``bias``."""

    scope: ClassVar[Literal["sample", "sharded"]] = "sample"
    bias: Tensor | None

    def __init__(self, embedding_size: int, num_classes: int, centres_per_class: int = 1, init: Start = START) -> None:
        """Draw the centres.

        Args:
            embedding_size: d, of the backbone's embeddings.
            num_classes: training identities C.
            centres_per_class: K; a sample counts by the nearest of its class's centres, so that unlike photos of one
                person need not share one ("Sub-center ArcFace", Deng et al., 2020). Rows c * K to c * K + K - 1 of
                ``weight`` are those of class c.
            init: how long the centres are at first: ``xavier`` (0.30 for 10,585 classes of 512 numbers) or ``unit``.

        Raises:
            ValueError: a parameter out of range.
        """
        super().__init__()
        refuse(ClassCentres.check({"centres_per_class": centres_per_class}, CheckContext()))
        self.embedding_size, self.num_classes = embedding_size, num_classes
        self.centres_per_class = centres_per_class
        held = self.held_classes()
        first, end = held or (0, num_classes)
        self.weight = nn.Parameter(torch.empty((end - first) * centres_per_class, embedding_size))
        if held is None:
            start_centres(self.weight, init)
        else:
            start_shard(self.weight, init, first * centres_per_class, num_classes * centres_per_class)
        self.register_parameter("bias", None)
        self._seen: dict[str, Tensor] = {}

    def held_classes(self) -> tuple[int, int] | None:
        """The first class and the one after the last whose centres this process holds; None for all of them."""
        return None

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

    def remember(self, right: Tensor, true: Tensor) -> None:
        """Keep what ``diagnostics`` reports.

        Args:
            right: bool ``(B,)``, whether each sample's score of its true class is above all others.
            true: ``(B,)``, that score, without margin.
        """
        self._seen = {"accuracy": right.float().mean(), "true_class_score": true.detach().mean()}

    def diagnostics(self) -> dict[str, Tensor]:
        """Of the last forward: ``accuracy`` (share of samples nearest to their true class, without margin) and
        ``true_class_score`` (the mean cosine to it; without a margin the mean product), scalars on the device."""
        return dict(self._seen)


def start_centres(weight: Tensor, init: Start, centres: int | None = None) -> None:
    """Draw class centres in place, by torch's global random numbers.

    ``unit``: normal, of length about 1. ``xavier``: uniform as in Glorot and Bengio, 2010, over the whole matrix, of
    length about ``sqrt(2 * d / (C + d))``: 0.30 for 10,585 centres of 512 numbers. A loss over cosines does not see a
    centre's length, but its gradient is as much larger as the centre is shorter, so that a step turns a centre of
    length 0.30 about 11 times as far (``benchmarks/class_centre_start.py``).

    Args:
        weight: ``(n, d)``.
        init: which of the two.
        centres: C of the whole matrix, where ``weight`` is a part of it.
    """
    if init == "xavier":
        bound = math.sqrt(3.0) * math.sqrt(2.0 / ((len(weight) if centres is None else centres) + weight.shape[1]))
        nn.init.uniform_(weight, -bound, bound)
    else:
        nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))


@torch.no_grad()
def start_shard(weight: Tensor, init: Start, first: int, centres: int) -> None:
    """Draw the rows of a shard as a process that holds all rows would, without ever holding these.

    All rows are drawn, a bounded number at once, so that the shards of any number of processes make the same matrix.

    Args:
        weight: ``(n, d)``, rows ``first`` to ``first + n - 1`` of the matrix.
        init: as for ``start_centres``.
        first: see ``weight``.
        centres: rows of the whole matrix.
    """
    step = max(1, DRAWN_TOGETHER // weight.shape[1])
    for start in range(0, centres, step):
        rows = torch.empty(min(step, centres - start), weight.shape[1])
        start_centres(rows, init, centres)
        low, high = max(start, first), min(start + len(rows), first + len(weight))
        if low < high:
            weight[low - first : high - first] = rows[low - start : high - start]
