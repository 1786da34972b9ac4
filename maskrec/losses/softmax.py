"""A plain linear classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.losses.class_weights import ClassWeighting, WeightsNorm
from maskrec.losses.classifier import BETA, ClassifierLoss, weighting_problems
from maskrec.losses.criteria import GAMMA, CriterionName, criterion_of, criterion_problems
from maskrec.losses.heads.dense_head import many_classes_note
from maskrec.losses.heads.head_names import PlainHeadName, head_of


class Softmax(ClassifierLoss):
    """Softmax over a linear layer on the embeddings as they are, without normalisation, scale or margin.

    The baseline that margin losses are compared with.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        class_counts: training images of each identity.
        bias: whether each class has a bias.
        criterion: ``cross_entropy``, or ``focal`` (Lin et al., 2017).
        gamma: focal exponent, at least 0; only with ``criterion: focal``.
        class_weights: ``none``, ``log`` (1 / log(1 + n)) or ``effective_number`` (Cui et al., 2019), scaled to mean 1
            over classes.
        beta: of ``effective_number``, in [0, 1).
        class_weights_norm: ``global`` keeps a plain mean over samples; ``batch`` divides by the batch's mean weight.
        head: ``dense``, ``chunked`` or ``sharded``, with its defaults; see ``docs/heads.md``.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        bias: bool = True,
        criterion: CriterionName = "cross_entropy",
        gamma: float = GAMMA,
        class_weights: ClassWeighting = "none",
        beta: float = BETA,
        class_weights_norm: WeightsNorm = "global",
        head: PlainHeadName = "dense",
    ) -> None:
        made = head_of(head, embedding_size, num_classes, "unit", bias)
        super().__init__(made, criterion_of(criterion, gamma), class_counts, class_weights, beta, class_weights_norm)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from criterion_problems(values)
        yield from weighting_problems(values, context.givens.get("class_counts"))
        if values.get("head") == "dense":
            yield from many_classes_note(context, "head")
