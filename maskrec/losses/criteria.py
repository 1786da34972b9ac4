"""Criteria: from a sample's entropy, ``-log p`` of its true class, to its loss; and the mean over samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from maskrec.contracts.collectives import mean_over_processes
from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import Criterion
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.class_weights import WeightsNorm

CriterionName = Literal["cross_entropy", "focal"]
GAMMA = 2.0


class CrossEntropy:
    """The entropy ``-log p`` of the true class as it is."""

    def __call__(self, entropy: Tensor) -> Tensor:
        """``(B,)`` to ``(B,)``."""
        return entropy


class Focal:
    """Focal loss ``(1 - p)**gamma * -log p``: the better a sample is classified, the less it counts.

    Lin et al., "Focal Loss for Dense Object Detection", 2017, without its alpha (class weights come afterwards).

    Args:
        gamma: focusing exponent, at least 0; 0 gives cross entropy.

    Raises:
        ValueError: the exponent is out of range.
    """

    def __init__(self, gamma: float = GAMMA) -> None:
        refuse(self.check({"gamma": gamma}, CheckContext()))
        self.gamma = gamma

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """An exponent out of range."""
        if not (math.isfinite(values["gamma"]) and values["gamma"] >= 0):
            yield Problem(f"gamma must be a finite number of at least 0, not {values['gamma']}", "gamma")

    def __call__(self, entropy: Tensor) -> Tensor:
        """``(B,)`` to ``(B,)``, each at least 0; finite, with finite gradients, also where the entropy is 0."""
        if self.gamma == 0:
            return entropy
        # 1 - exp(-entropy) without cancellation; the floor keeps the power's gradient finite for gamma below 1.
        doubt = (-torch.expm1(-entropy)).clamp(min=torch.finfo(entropy.dtype).tiny)
        return doubt**self.gamma * entropy


def criterion_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a ``criterion`` given by name and the ``gamma`` beside it."""
    yield from Focal.check(values, CheckContext())
    gamma = values["gamma"]
    if values["criterion"] != "focal" and gamma != GAMMA and math.isfinite(gamma) and gamma >= 0:
        message = f"gamma: {gamma} has no effect with criterion: {values['criterion']}"
        yield Problem(message, "gamma", "set criterion: focal or leave gamma out")


def criterion_of(name: CriterionName, gamma: float = GAMMA) -> Criterion:
    """The criterion of that name.

    Raises:
        ValueError: the exponent is out of range or has no effect.
    """
    refuse(criterion_problems({"criterion": name, "gamma": gamma}))
    return Focal(gamma) if name == "focal" else CrossEntropy()


def mean_over_samples(
    losses: Tensor, labels: Tensor, class_weights: Tensor | None, norm: WeightsNorm = "global"
) -> Tensor:
    """``sum(w[label] * loss) / B``, over processes together what one would have.

    With ``norm: batch`` the weights are divided by their mean over the global batch first, so that the result is
    ``sum(w * loss) / sum(w)``: within a batch they act, and a batch of rare classes counts no more than another.

    Args:
        losses: ``(B,)``.
        labels: int64 ``(B,)``.
        class_weights: ``(C,)`` or None for ones.
        norm: see above.

    Returns:
        A scalar; 0 with a gradient of 0 for an empty batch.
    """
    if class_weights is not None:
        weights = class_weights[labels]
        if norm == "batch":
            weights = weights / mean_over_processes(weights).clamp(min=torch.finfo(weights.dtype).tiny)
        losses = losses * weights.to(losses.dtype)
    return losses.sum() / max(len(losses), 1)
