"""ArcFace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.class_weights import ClassWeighting
from maskrec.losses.classifier import (
    BETA,
    GAMMA,
    ClassifierLoss,
    classifier_problems,
    scale_problems,
    target_scores,
    with_target,
)
from maskrec.losses.criteria import Criterion


class ArcFace(ClassifierLoss):
    """Softmax over scaled cosines to class centres, the true class's angle widened by a margin.

    The true class's logit is ``scale * cos(theta + margin)``, the others' ``scale * cos(theta)`` (Deng et al.,
    "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019). Beyond theta = pi - margin, where
    ``cos(theta + margin)`` would rise again, the true class's is ``scale * (cos(theta) - margin * sin(margin))``.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        class_counts: training images of each identity.
        scale: radius s of the sphere the logits live on, above 0.
        margin: m in radians, in [0, pi / 2).
        easy_margin: the margin only where theta is below 90 degrees; elsewhere the plain cosine.
        criterion: ``cross_entropy``, or ``focal`` (Lin et al., 2017).
        gamma: focal exponent, at least 0; only with ``criterion: focal``.
        class_weights: ``none``, ``log`` (1 / log(1 + n)) or ``effective_number`` (Cui et al., 2019); scaled to mean 1
            over classes, and the loss stays a plain mean over samples, so that they act under either criterion.
        beta: of ``effective_number``, in [0, 1).

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        margin: float = 0.5,
        easy_margin: bool = False,
        criterion: Criterion = "cross_entropy",
        gamma: float = GAMMA,
        class_weights: ClassWeighting = "none",
        beta: float = BETA,
    ) -> None:
        options = {"criterion": criterion, "gamma": gamma, "class_weights": class_weights, "beta": beta}
        refuse(_margin_problems({"scale": scale, "margin": margin}))
        super().__init__(embedding_size, num_classes, class_counts, options)
        self.scale, self.margin, self.easy_margin = scale, margin, easy_margin

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from _margin_problems(values)
        yield from classifier_problems(values, context.givens.get("class_counts"))

    def scores(self, embeddings: Tensor) -> Tensor:
        """``(B, C)`` cosines to the class centres."""
        return F.linear(F.normalize(embeddings), F.normalize(self.weight.to(embeddings.dtype)))

    def logits(self, scores: Tensor, labels: Tensor) -> Tensor:
        """``(B, C)`` scaled cosines, the true class's with the margin."""
        return self.scale * with_target(scores, labels, self._widened(target_scores(scores, labels)))

    def _widened(self, cosine: Tensor) -> Tensor:
        """cos(theta + margin) of cos(theta), with the fallback beyond pi - margin."""
        # sqrt's slope is infinite at 0: below this floor the sine is taken as constant, so gradients stay finite.
        squared = ((1 - cosine) * (1 + cosine)).clamp(min=torch.finfo(cosine.dtype).eps)
        widened = cosine * math.cos(self.margin) - squared.sqrt() * math.sin(self.margin)
        if self.easy_margin:
            return torch.where(cosine > 0, widened, cosine)
        beyond = cosine - self.margin * math.sin(self.margin)
        return torch.where(cosine > -math.cos(self.margin), widened, beyond)


def _margin_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    yield from scale_problems(values)
    if not 0 <= values["margin"] < math.pi / 2:
        yield Problem(f"margin is an angle in radians in [0, pi / 2), not {values['margin']}", "margin")
