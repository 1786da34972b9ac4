"""What the losses share that are named after their margin: criterion, class weights, scale and head, said once."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypedDict

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.margin import Margin
from maskrec.contracts.problem import Problem
from maskrec.losses.class_weights import ClassWeighting, WeightsNorm
from maskrec.losses.classifier import BETA
from maskrec.losses.criteria import GAMMA, CriterionName, criterion_of, criterion_problems
from maskrec.losses.heads.class_centres import START, Start
from maskrec.losses.heads.head_names import HeadName, head_of
from maskrec.losses.margin_softmax import MarginSoftmax


class SharedOptions(TypedDict, total=False):
    """The parameters that every loss of this kind passes on, as ``NamedMarginLoss`` documents them."""

    criterion: CriterionName
    gamma: float
    class_weights: ClassWeighting
    beta: float
    class_weights_norm: WeightsNorm
    learn_scale: bool
    init: Start
    head: HeadName
    seed: int
    context: Context | None


class NamedMarginLoss(MarginSoftmax):
    """``margin_softmax`` with a margin of its own, whose parameters are among the loss's.

    A subclass says its own parameters and ends with ``**options: Unpack[SharedOptions]``. A recipe sees both: the
    class's signature has the shared parameters in place of ``options``.
    """

    margin_class: ClassVar[Any]
    """The margin, whose ``check`` reads the parameters of the same names."""

    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls.__signature__ = _with_shared_options(cls)

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        margin: Margin,
        scale: float,
        centres_per_class: int = 1,
        criterion: CriterionName = "cross_entropy",
        gamma: float = GAMMA,
        class_weights: ClassWeighting = "none",
        beta: float = BETA,
        class_weights_norm: WeightsNorm = "global",
        learn_scale: bool = False,
        init: Start = START,
        head: HeadName = "dense",
        seed: int = 0,
        context: Context | None = None,
    ) -> None:
        """Put margin, criterion and head together.

        Args:
            embedding_size: of the backbone's embeddings.
            num_classes: training identities.
            class_counts: training images of each identity.
            margin: the part.
            scale: radius s of the sphere the logits live on, above 0.
            centres_per_class: K of the head.
            criterion: ``cross_entropy``, or ``focal`` (Lin et al., 2017).
            gamma: focal exponent, at least 0; only with ``criterion: focal``.
            class_weights: ``none``, ``log`` (1 / log(1 + n)) or ``effective_number`` (Cui et al., 2019); scaled to mean
                1 over classes; they act under either criterion.
            beta: of ``effective_number``, in [0, 1).
            class_weights_norm: ``global`` keeps a plain mean over samples; ``batch`` divides by the batch's mean
                weight.
            learn_scale: whether the scale is trained, as a weight that begins at ``scale`` (and is used at 1 or more).
            init: how long class centres are at first: ``xavier`` or ``unit``; see ``dense``.
            head: ``dense``, ``chunked``, ``sharded`` or ``sampled``, with its defaults; see ``docs/heads.md``.
            seed: of what the margin or the head draws.
            context: names the loss in the recipe, so that two losses never draw the same numbers.

        Raises:
            ValueError: a parameter out of range, or class weights with an empty class.
        """
        super().__init__(
            embedding_size,
            num_classes,
            class_counts,
            margin,
            scale,
            criterion_of(criterion, gamma),
            head_of(head, embedding_size, num_classes, init, centres_per_class=centres_per_class),
            class_weights,
            beta,
            class_weights_norm,
            learn_scale,
            seed,
            context,
        )

    @classmethod
    def check(cls, values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range, without effect, or not fitting the data's classes."""
        yield from cls.margin_class.check(cls.margin_values(values), context)
        yield from criterion_problems(values)
        yield from MarginSoftmax.check(values, context)

    @classmethod
    def margin_values(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The margin's parameters among those of the loss, which have the same names."""
        return values


def _with_shared_options(cls: type[NamedMarginLoss]) -> inspect.Signature:
    """The class's signature with the shared parameters in place of ``**options``, where it has them."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    if not own or own[-1].kind is not inspect.Parameter.VAR_KEYWORD:
        return inspect.Signature(own)
    hints = typing.get_type_hints(NamedMarginLoss.__init__, include_extras=True)
    shared = inspect.signature(NamedMarginLoss.__init__).parameters
    passed_on = [
        shared[name].replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name in SharedOptions.__annotations__
    ]
    return inspect.Signature([*own[:-1], *passed_on])
