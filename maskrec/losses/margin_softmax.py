"""Softmax over scaled cosines with any margin, criterion and head."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from maskrec.base.random import SeededDraws
from maskrec.contracts.component_calls import diagnostics
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.kinds import Part
from maskrec.contracts.margin import Criterion, Head, Margin, MarginContext, ScaledMargin
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Batch
from maskrec.losses.class_weights import ClassWeighting, WeightsNorm
from maskrec.losses.classifier import BETA, ClassifierLoss, weighting_problems
from maskrec.losses.criteria import CriterionName, criterion_of
from maskrec.losses.heads.dense_head import many_classes_note
from maskrec.losses.heads.head_names import HeadName, head_of


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
        head: ``dense``, ``chunked``, ``sharded`` or ``sampled``, or a part: ``{use: dense, centres_per_class: 3}``; see
            ``docs/heads.md``.
        class_weights: ``none``, ``log`` (1 / log(1 + n)) or ``effective_number`` (Cui et al., 2019), scaled to mean 1
            over classes.
        beta: of ``effective_number``, in [0, 1).
        class_weights_norm: ``global`` keeps a plain mean over samples; ``batch`` divides by the batch's mean weight.
        learn_scale: whether the scale is trained, as a weight that begins at ``scale``. It is used at 1 or more (at
            ``scale`` or more where that is less), so that a bad start cannot turn it round.
        seed: of what a margin draws.
        context: names the loss in the recipe, so that two losses never draw the same numbers.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    learned_scale: Tensor | None

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
        class_weights_norm: WeightsNorm = "global",
        learn_scale: bool = False,
        seed: int = 0,
        context: Context | None = None,
    ) -> None:
        refuse(scale_problems({"scale": scale}))
        if isinstance(head, str):
            head = head_of(head, embedding_size, num_classes)
        if isinstance(criterion, str):
            criterion = criterion_of(criterion)
        super().__init__(head, criterion, class_counts, class_weights, beta, class_weights_norm)
        self.margin, self.scale = margin, scale
        self.register_parameter("learned_scale", nn.Parameter(torch.tensor(scale)) if learn_scale else None)
        self._seed, self._path = seed, context.path if context else ""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from scale_problems(values)
        yield from weighting_problems(values, context.givens.get("class_counts"))
        if values.get("head") == "dense":
            yield from many_classes_note(context, "head", values.get("centres_per_class", 1))

    def margin_for(self, embeddings: Tensor, labels: Tensor, batch: Batch | None) -> ScaledMargin:
        """The margin for these samples, which draws by their positions in the epoch.

        Without a batch, or with one made by hand, it draws as for the first samples of an epoch.
        """
        epoch = 0 if batch is None else batch.epoch
        positions = None if batch is None else batch.positions
        if positions is None:
            positions = torch.arange(len(labels), device=labels.device)
        draws = SeededDraws(self._seed, epoch, self._path, positions)
        return ScaledMargin(self.margin, MarginContext(embeddings.norm(dim=1), labels, draws), self._scale_now())

    def _scale_now(self) -> float | Tensor:
        learned = self.learned_scale
        if learned is None:
            return self.scale
        # The gradient passes as if there were no floor: one that is stopped there could never rise again.
        return learned + (learned.detach().clamp(min=min(1.0, self.scale)) - learned.detach())

    def diagnostics(self) -> dict[str, float | Tensor]:
        """Of the last forward: the head's ``accuracy`` and ``true_class_score``, what the margin reports as
        ``margin/NAME``, and a learned ``scale``."""
        own = {f"margin/{name}": value for name, value in diagnostics(self.margin).items()}
        if self.learned_scale is not None:
            own["scale"] = torch.as_tensor(self._scale_now()).detach()
        return super().diagnostics() | own


def scale_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a ``scale``."""
    if not (math.isfinite(values["scale"]) and values["scale"] > 0):
        yield Problem(f"scale must be a finite number above 0, not {values['scale']}", "scale")
