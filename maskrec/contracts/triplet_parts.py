"""The parts of a loss over triplets: a miner, which chooses them, and a memory of past steps to choose from.

Anchors are the ``B`` images of a batch. References are what positives and negatives are chosen from: the ``M`` images
of the batch itself, in the same order, followed by those of a memory where there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import torch

from maskrec.base.errors import PluginError
from maskrec.contracts.component_names import name_of

if TYPE_CHECKING:
    from torch import Tensor

Average = Literal["mined", "active"]


class Mined(NamedTuple):
    """Triplets of a fixed length, so that nobody has to wait for the device to learn how many there are.

    Args:
        triplets: int64 ``(T, 3)``: anchor in [0, B), positive and negative in [0, M). Rows that do not count may hold
            any indices in these ranges.
        valid: bool ``(T,)``: which rows count.
    """

    triplets: Tensor
    valid: Tensor


class Miner(Protocol):
    """Chooses triplets. One with state is an ``nn.Module``.

    An attribute ``average`` says over what the loss is averaged unless the recipe says it: all ``mined`` triplets (the
    default), or the ``active`` ones, whose loss is above 0.
    """

    def __call__(self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor, /) -> Mined:
        """The triplets; a plain int64 ``(T, 3)`` tensor means that all of its rows count.

        A miner whose signature takes two arguments, ``(distances (B, B), labels (B,))``, is called with these. It
        cannot be used with a memory.

        Args:
            distances: ``(B, M)`` from anchors to references, without gradient.
            labels: int64 ``(B,)`` of the anchors.
            reference_labels: int64 ``(M,)``.
            valid: bool ``(B, M)``: which references may be used. False where a reference is the anchor itself, or an
                empty place of the memory.
        """
        ...


class TripletSums(NamedTuple):
    """What a loss needs of all triplets together; each a scalar tensor.

    Args:
        total: the sum of the triplets' losses, with gradient.
        mined: how many triplets there are.
        active: how many of them count as active: those whose loss is above 0, and with the soft margin, which is never
            0, those whose negative is the nearer one.
        to_positive: the sum of the distances from anchors to positives, over all triplets.
        to_negative: likewise to negatives.
    """

    total: Tensor
    mined: Tensor
    active: Tensor
    to_positive: Tensor
    to_negative: Tensor


class SummingMiner(Protocol):
    """A miner that takes too many triplets for a list and sums over them instead. ``average`` as for ``Miner``."""

    def sums(
        self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor, margin: float | None, /
    ) -> TripletSums:
        """The sums over its triplets.

        Args:
            distances: ``(B, M)`` from anchors to references, with gradient.
            labels: int64 ``(B,)``.
            reference_labels: int64 ``(M,)``.
            valid: bool ``(B, M)``, as for ``Miner``.
            margin: of the hinge ``max(0, d(a, p) - d(a, n) + margin)``; None for ``log(1 + exp(d(a, p) - d(a, n)))``.
        """
        ...


class Recalled(NamedTuple):
    """What a memory holds of past steps.

    Args:
        embeddings: ``(S, d)``, without gradient; a copy, so that they may be used until the backward pass is done.
        labels: int64 ``(S,)``.
        usable: bool ``(S,)``: which places are filled and may be used.
    """

    embeddings: Tensor
    labels: Tensor
    usable: Tensor


class Memory(Protocol):
    """Embeddings and labels of past steps as further references; an ``nn.Module`` with its state in buffers."""

    def recall(self) -> Recalled:
        """What was stored before this step; always of the same shape."""
        ...

    def store(self, embeddings: Tensor, labels: Tensor, /) -> None:
        """Keep the batch of a step: ``(B, d)`` as distances are taken between them, int64 ``(B,)``."""
        ...


def takes_square(miner: object) -> bool:
    """Whether the miner has the form ``(distances (B, B), labels (B,))``, which knows of no references.

    Raises:
        ValueError: its signature takes neither these two nor the four arguments of ``Miner``.
    """
    asked: Callable[..., Any] = miner.forward if isinstance(miner, torch.nn.Module) else miner  # type: ignore[assignment]
    try:
        parameters = inspect.signature(asked).parameters.values()
    except (TypeError, ValueError):  # not written in Python
        return False
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return False
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    required = sum(each.default is each.empty for each in places)
    if required <= 4 <= len(places):
        return False
    if required <= 2 <= len(places):
        return True
    raise ValueError(
        f"the miner {name_of(miner)} takes {len(places)} arguments; a miner takes four (distances, labels, "
        "reference labels, valid) or two (distances, labels)"
    )


def call_miner(
    miner: Callable[..., Any], distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor
) -> Mined:
    """What the miner chooses, whichever of the two forms it has; see ``Miner``.

    Raises:
        PluginError: it returned something other than triplets.
    """
    square = takes_square(miner)
    returned = miner(distances, labels) if square else miner(distances, labels, reference_labels, valid)
    answer = returned
    if isinstance(answer, torch.Tensor):
        answer = Mined(answer, torch.ones(answer.shape[:1], dtype=torch.bool, device=answer.device))
    if isinstance(answer, tuple) and len(answer) == 2:
        triplets, counted = answer
        if _is(triplets, torch.int64, (None, 3)) and _is(counted, torch.bool, (len(triplets),)):
            return Mined(triplets, counted)
    shown = ", ".join(map(_shown, returned if isinstance(returned, tuple) else (returned,)))
    raise PluginError(
        f"the miner {name_of(miner)} returned {shown}; a miner must return int64 (T, 3), anchor, positive and "
        "negative, or Mined of these and a bool (T,) that says which of them count"
    )


def _is(value: object, dtype: torch.dtype, shape: tuple[int | None, ...]) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.dtype == dtype
        and len(value.shape) == len(shape)
        and all(size in (None, found) for size, found in zip(shape, value.shape, strict=True))
    )


def _shown(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
