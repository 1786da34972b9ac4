"""The three parts of a loss over class centres: margin, criterion and head.

A head owns the class centres and returns ``(target, logsumexp)`` for every sample; their difference is the sample's
entropy, from which a criterion makes its loss. A margin changes the cosine to the sample's true class before that. So
a margin works with every head and every criterion, whoever wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from maskrec.base.errors import PluginError
from maskrec.base.words import type_shown
from maskrec.contracts.collectives import deviation_over_processes, mean_over_processes
from maskrec.contracts.component_names import name_of

if TYPE_CHECKING:
    from torch import Tensor

    from maskrec.contracts.protocols import Draws

Reduction = Literal["logsumexp", "softplus_sum"]


@dataclass(frozen=True, slots=True)
class MarginContext:
    """What a margin may look at beside the cosines.

    Args:
        norms: ``(B,)``, the embeddings' lengths before normalisation, with gradient.
        labels: int64 ``(B,)``.
        draws: random numbers, for each sample its own; the same for any number of processes.
    """

    norms: Tensor
    labels: Tensor
    draws: Draws

    def mean(self, values: Tensor) -> Tensor:
        """The mean of ``(B,)`` values over the samples of all processes, a scalar without gradient.

        A margin that keeps a running mean in a buffer must use it, so that the buffer is equal on all processes. All
        processes must call it alike.
        """
        return mean_over_processes(values)

    def deviation(self, values: Tensor) -> Tensor:
        """The standard deviation of ``(B,)`` values over the samples of all processes, a scalar without gradient.

        Of n values the squares are divided by n - 1; not a number for fewer than two. As for ``mean``.
        """
        return deviation_over_processes(values)


class Margin(Protocol):
    """Changes the cosine to the true class, so that training must reach further than a correct classification.

    One with state is an ``nn.Module``; its buffers must be equal on all processes. Optional members:

    - ``hard(cosines (B, c), target (B,)) -> (B, c)``: changes the cosines to the other classes; ``target`` has the
      margin already. Must work element by element and follow from its arguments, parameters and buffers alone, because
      a head may call it on any block of classes, and again in the backward pass.
    - ``penalty(context) -> (B,)``: added to each sample's loss after criterion and class weights.
    - ``reduction``: ``softplus_sum`` for a binary cross entropy summed over the classes; by default ``logsumexp``.
    - ``others_weight``: with ``softplus_sum`` the factor of the sum over the other classes; by default 1.
    - ``diagnostics() -> dict``: as for a loss; shown as ``margin/NAME``.
    """

    def __call__(self, target: Tensor, context: MarginContext, /) -> Tensor:
        """Cosines ``(B,)`` in [-1, 1] to ``(B,)``, with finite gradients also at -1 and 1."""
        ...


class Criterion(Protocol):
    """From each sample's entropy, ``-log p`` of its true class, at least 0, to its loss; both ``(B,)``."""

    def __call__(self, entropy: Tensor, /) -> Tensor: ...


class Head(Protocol):
    """The class centres and what is reduced over all of them; an ``nn.Module``.

    Its parameters are saved as the loss's (``weight``, not ``head.weight``). ``scope`` is ``sample`` where every
    process holds all centres, and ``sharded`` where each holds its own: such a head is called with this process's
    samples too, and gathers and reduces by ``contracts.collectives``. The loss around it stays a mean over samples.
    Optional: ``diagnostics()``, as for a loss, and ``sharded_classes`` (``contracts.call_loss``).
    """

    embedding_size: int
    num_classes: int
    centres_per_class: int

    @property
    def scope(self) -> Literal["sample", "sharded"]: ...

    def __call__(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None, /) -> tuple[Tensor, Tensor]:
        """``(target, logsumexp)``, each ``(B,)``; the cross entropy of a sample is ``logsumexp - target``.

        One number a sample may be subtracted from both (the largest logit, or the logsumexp itself), so that a small
        entropy is not lost in the difference of two large numbers. With ``softplus_sum``, ``target`` is the log of the
        true class's sigmoid, and the second is the sum of ``softplus(logit)`` over the other classes.

        Args:
            embeddings: ``(B, embedding_size)`` in float32 or float64, before normalisation.
            labels: int64 ``(B,)`` in [0, num_classes).
            margin: changes cosines and holds their scale; None for plain products, without normalisation.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScaledMargin:
    """What a head is given: a margin with its context, and the scale of the logits.

    Args:
        margin: the part.
        context: of the rows that the head is called with.
        scale: of the cosines, above 0; a scalar tensor with gradient where it is learned.
    """

    margin: Margin
    context: MarginContext
    scale: float | Tensor

    @property
    def reduction(self) -> Reduction:
        """How the head reduces over the classes."""
        found: Reduction = getattr(self.margin, "reduction", "logsumexp")
        return found

    @property
    def changes_others(self) -> bool:
        """Whether the margin changes the cosines to the other classes too."""
        return getattr(self.margin, "hard", None) is not None

    def target(self, cosines: Tensor) -> Tensor:
        """``(B,)`` cosines to the true class with the margin, not yet scaled.

        Raises:
            PluginError: the margin did not return ``(B,)``.
        """
        moved = self.margin(cosines, self.context)
        return one_a_sample(moved, cosines, self.margin).to(cosines.dtype)

    def others(self, cosines: Tensor, target: Tensor) -> Tensor:
        """``(B, c)`` cosines to a block of classes as they count where they are not the true class, not yet scaled.

        Args:
            cosines: ``(B, c)``; the result for a sample's true class is not used.
            target: ``(B,)``, what ``target()`` returned.
        """
        hard = getattr(self.margin, "hard", None)
        return cosines if hard is None else hard(cosines, target)

    def weigh_others(self, reduced: Tensor) -> Tensor:
        """``(B,)``, the head's second result, as it counts in a sample's entropy.

        Raises:
            PluginError: the margin weighs other classes, and the head does not sum over them.
        """
        weight = getattr(self.margin, "others_weight", 1.0)
        if weight == 1.0:
            return reduced
        if self.reduction != "softplus_sum":
            raise PluginError(f"{name_of(self.margin)} has an others_weight, which needs reduction 'softplus_sum'")
        return weight * reduced

    def penalty(self) -> Tensor | None:
        """``(B,)`` to be added to the samples' losses, or None.

        Raises:
            PluginError: the margin's penalty did not return ``(B,)``.
        """
        penalty = getattr(self.margin, "penalty", None)
        return None if penalty is None else one_a_sample(penalty(self.context), self.context.labels, self.margin)


def one_a_sample(values: Tensor, samples: Tensor, part: object) -> Tensor:
    """The values, if there is one a sample; any other shape would broadcast to a wrong loss without an error.

    Args:
        values: what a part returned.
        samples: ``(B,)``, any tensor of the batch.
        part: to be named in the message.

    Raises:
        PluginError: another shape.
    """
    shape = getattr(values, "shape", None)
    if shape != samples.shape:
        shown = type_shown(values) if shape is None else f"a tensor of shape {tuple(shape)}"
        raise PluginError(
            f"{name_of(part)} returned {shown} where one number a sample, {tuple(samples.shape)}, is expected"
        )
    return values


def two_a_sample(answer: object, samples: Tensor, head: object) -> tuple[Tensor, Tensor]:
    """What a head returned, if it is a pair of one number a sample each.

    Args:
        answer: what it returned.
        samples: ``(B,)``, any tensor of the batch.
        head: to be named in the message.

    Raises:
        PluginError: something else.
    """
    if not isinstance(answer, tuple) or len(answer) != 2:
        shown = f"a tuple of {len(answer)}" if isinstance(answer, tuple) else type_shown(answer)
        raise PluginError(f"{name_of(head)} returned {shown}; a head must return (target, logsumexp)")
    return one_a_sample(answer[0], samples, head), one_a_sample(answer[1], samples, head)
