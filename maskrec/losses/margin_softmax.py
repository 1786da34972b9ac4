"""Softmax over scaled cosines with any margin, criterion and head."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from maskrec.base.random import Draws
from maskrec.contracts.component_calls import diagnostics
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.kinds import Part
from maskrec.contracts.margin import Criterion, Head, Margin, MarginContext, ScaledMargin
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Batch
from maskrec.losses.class_weights import ClassWeighting
from maskrec.losses.classifier import BETA, ClassifierLoss, weighting_problems
from maskrec.losses.criteria import CriterionName, criterion_of
from maskrec.losses.heads import HeadName, head_of


class MarginSoftmax(ClassifierLoss):
    """Softmax over scaled cosines to class centres, the cosine to the true class changed by a margin.

    ``arcface`` and ``cosface`` are this with the margins ``arc`` and ``cos``. Here margin, criterion and head are
    parts, so that one of your own works with all others.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        class_counts: training images of each identity.
        margin: the margin, ``{use: arc, margin: 0.4}``.
        scale: radius s of the sphere the logits live on, above 0.
        criterion: ``cross_entropy``, ``focal`` (with a gamma of 2), or a part: ``{use: focal, gamma: 3}``.
        head: ``dense``, or a part: ``{use: dense, centres_per_class: 3}``.
        class_weights: ``none``, ``log`` (1 / log(1 + n)) or ``effective_number`` (Cui et al., 2019), scaled to mean 1
            over classes; the loss stays a plain mean over samples.
        beta: of ``effective_number``, in [0, 1).
        seed: of what a margin draws.
        context: names the loss in the recipe, so that two losses never draw the same numbers.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        margin: Annotated[Margin, Part("margin")],
        scale: float = 64.0,
        criterion: CriterionName | Annotated[Criterion, Part("criterion")] = "cross_entropy",
        head: HeadName | Annotated[Head, Part("head")] = "dense",
        class_weights: ClassWeighting = "none",
        beta: float = BETA,
        seed: int = 0,
        context: Context | None = None,
    ) -> None:
        refuse(scale_problems({"scale": scale}))
        if isinstance(head, str):
            head = head_of(head, embedding_size, num_classes)
        if isinstance(criterion, str):
            criterion = criterion_of(criterion)
        super().__init__(head, criterion, class_counts, class_weights, beta)
        self.margin, self.scale = margin, scale
        self._seed, self._path = seed, context.path if context else ""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from scale_problems(values)
        yield from weighting_problems(values, context.givens.get("class_counts"))

    def margin_for(self, embeddings: Tensor, labels: Tensor, batch: Batch | None) -> ScaledMargin:
        """The margin for these samples, which draws by their positions in the epoch.

        Without a batch, or with one made by hand, it draws as for the first samples of an epoch.
        """
        epoch = 0 if batch is None else batch.epoch
        positions = None if batch is None else batch.positions
        if positions is None:
            positions = torch.arange(len(labels), device=labels.device)
        draws = Draws(self._seed, epoch, self._path, positions)
        return ScaledMargin(self.margin, MarginContext(embeddings.norm(dim=1), labels, draws), self.scale)

    def diagnostics(self) -> dict[str, float]:
        """Of the last forward: the head's ``accuracy`` and ``true_class_score``, and what the margin reports as
        ``margin/NAME``. Waits for the device."""
        own = {f"margin/{name}": value for name, value in diagnostics(self.margin).items()}
        return super().diagnostics() | own


def scale_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a ``scale``."""
    if not (math.isfinite(values["scale"]) and values["scale"] > 0):
        yield Problem(f"scale must be a finite number above 0, not {values['scale']}", "scale")
