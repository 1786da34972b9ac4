"""ArcFace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.losses.class_weights import ClassWeighting, WeightsNorm
from maskrec.losses.classifier import BETA
from maskrec.losses.criteria import GAMMA, CriterionName, criterion_of, criterion_problems
from maskrec.losses.heads.class_centres import START, Start
from maskrec.losses.heads.head_names import HeadName, head_of
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.additive_margins import Arc


class ArcFace(MarginSoftmax):
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
            over classes; they act under either criterion.
        beta: of ``effective_number``, in [0, 1).
        class_weights_norm: ``global`` keeps a plain mean over samples; ``batch`` divides by the batch's mean weight.
        learn_scale: whether the scale is trained, as a weight that begins at ``scale`` (and is used at 1 or more).
        init: how long class centres are at first: ``xavier`` or ``unit``; see ``dense``.
        head: ``dense``, ``chunked``, ``sharded`` or ``sampled``, with its defaults; see ``docs/heads.md``.

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
        criterion: CriterionName = "cross_entropy",
        gamma: float = GAMMA,
        class_weights: ClassWeighting = "none",
        beta: float = BETA,
        class_weights_norm: WeightsNorm = "global",
        learn_scale: bool = False,
        init: Start = START,
        head: HeadName = "dense",
    ) -> None:
        super().__init__(
            embedding_size,
            num_classes,
            class_counts,
            Arc(margin, easy_margin),
            scale,
            criterion_of(criterion, gamma),
            head_of(head, embedding_size, num_classes, init),
            class_weights,
            beta,
            class_weights_norm,
            learn_scale,
        )

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from Arc.check(values, context)
        yield from criterion_problems(values)
        yield from MarginSoftmax.check(values, context)
