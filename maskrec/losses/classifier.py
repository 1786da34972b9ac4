"""What losses with one vector a class share: options, checks, the mean, diagnostics."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.class_weights import ClassWeighting, class_weights, empty_class_sentence
from maskrec.losses.criteria import Criterion, mean_over_samples, per_sample_loss
from maskrec.losses.inputs import check_embeddings, check_label_range, full_precision

GAMMA = 2.0
BETA = 0.999


class ClassifierLoss(nn.Module, ABC):
    """A loss over logits of every training identity; subclasses say what the logits are.

    Args:
        embedding_size: d.
        num_classes: C.
        class_counts: training images of each class, for the class weights.
        options: ``criterion``, ``gamma``, ``class_weights``, ``beta``, as the subclass received them.

    Raises:
        ValueError: an option out of range.
    """

    scope: ClassVar[Literal["sample"]] = "sample"
    class_weights: Tensor | None

    def __init__(
        self, embedding_size: int, num_classes: int, class_counts: Sequence[int], options: Mapping[str, Any]
    ) -> None:
        super().__init__()
        refuse(classifier_problems(options, class_counts))
        if len(class_counts) != num_classes:
            raise ValueError(f"class_counts has {len(class_counts)} entries for {num_classes} classes")
        self.embedding_size, self.num_classes = embedding_size, num_classes
        self.criterion: Criterion = options["criterion"]
        self.gamma: float = options["gamma"]
        weighting: ClassWeighting = options["class_weights"]
        # Not in the checkpoint: they follow from the data, and the recipe may change them between runs.
        weights = class_weights(weighting, class_counts, options["beta"])
        self.register_buffer("class_weights", weights, persistent=False)
        self.weight = nn.Parameter(torch.empty(num_classes, embedding_size))
        nn.init.normal_(self.weight, std=1 / math.sqrt(embedding_size))
        self._seen: dict[str, Tensor] = {}

    @abstractmethod
    def scores(self, embeddings: Tensor) -> Tensor:
        """``(B, C)`` before any margin: cosines, or plain products."""

    @abstractmethod
    def logits(self, scores: Tensor, labels: Tensor) -> Tensor:
        """``(B, C)`` for the criterion: the scores with margin and scale."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The mean over samples, a scalar in float32 (float64 for float64 embeddings).

        Args:
            embeddings: ``(B, embedding_size)``, before normalisation.
            labels: int64 ``(B,)`` in [0, num_classes).

        Raises:
            UsageError: shapes or (on the CPU) labels that do not fit.
        """
        check_embeddings(embeddings, labels, self.embedding_size)
        check_label_range(labels, self.num_classes)
        with full_precision(embeddings) as rows:
            labels = labels.long()
            scores = self.scores(rows)
            losses = per_sample_loss(self.logits(scores, labels), labels, self.criterion, self.gamma)
            self._remember(scores.detach(), labels)
            return mean_over_samples(losses, labels, self.class_weights)

    def _remember(self, scores: Tensor, labels: Tensor) -> None:
        self._seen = {
            "accuracy": (scores.argmax(dim=1) == labels).float().mean(),
            "true_class_score": scores.gather(1, labels[:, None]).mean(),
        }

    def diagnostics(self) -> dict[str, float]:
        """Of the last forward: ``accuracy`` (share of samples nearest to their own class, without margin) and
        ``true_class_score`` (the mean cosine to it; for ``softmax`` the mean logit). Waits for the device."""
        return {name: float(value) for name, value in self._seen.items()}


def target_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """``(B,)``: each sample's score for its own class."""
    return scores.gather(1, labels[:, None]).squeeze(1)


def with_target(scores: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """The scores with each sample's own class replaced by ``target`` ``(B,)``."""
    return scores.scatter(1, labels[:, None], target[:, None].to(scores.dtype))


def classifier_problems(values: Mapping[str, Any], counts: Sequence[int] | None) -> Iterator[Problem]:
    """What is wrong with the options that all classifier losses have."""
    gamma, beta = values["gamma"], values["beta"]
    if not (math.isfinite(gamma) and gamma >= 0):
        yield Problem(f"gamma must be a finite number of at least 0, not {gamma}", "gamma")
    elif values["criterion"] != "focal" and gamma != GAMMA:
        yield Problem(f"gamma: {gamma} has no effect with criterion: {values['criterion']}", "gamma", FOCAL_HINT)
    if not 0 <= beta < 1:
        yield Problem(f"beta must be in [0, 1), not {beta}", "beta")
    elif values["class_weights"] != "effective_number" and beta != BETA:
        yield Problem(f"beta: {beta} has no effect with class_weights: {values['class_weights']}", "beta", BETA_HINT)
    if values["class_weights"] != "none" and counts is not None and (sentence := empty_class_sentence(counts)):
        yield Problem(sentence, "class_weights")


FOCAL_HINT = "set criterion: focal or leave gamma out"
BETA_HINT = "set class_weights: effective_number or leave beta out"


def scale_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a ``scale``."""
    if not (math.isfinite(values["scale"]) and values["scale"] > 0):
        yield Problem(f"scale must be a finite number above 0, not {values['scale']}", "scale")
