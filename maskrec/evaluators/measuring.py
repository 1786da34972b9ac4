"""The first step of evaluators that measure pairs: embed a pair set, measure distances, split them by condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Distance, View
from maskrec.metrics import contrastive_loss, pair_distances

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Embed
    from maskrec.contracts.pair_set import PairSet

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Distances of a pair set.

    Args:
        pairs: the set.
        distances: float64 ``(n,)``.
    """

    pairs: PairSet
    distances: Floats

    def both(self, chosen: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
        """Distances of the same and of the different pairs, of all or of selected ones."""
        same = self.pairs.same
        chosen = np.ones(len(same), dtype=bool) if chosen is None else chosen
        return self.distances[chosen & same], self.distances[chosen & ~same]


def measure(embed: Embed, pairs: PairSet, distance: Distance, normalize: bool, flip: bool = False) -> Measured:
    """Embed the set and measure every pair.

    Args:
        embed: the runner's ``embed``.
        pairs: the set.
        distance: between the embeddings.
        normalize: whether embeddings are first scaled to unit length.
        flip: whether an image's embedding is the mean of its own and its mirror image's, before normalisation.

    Raises:
        MaskrecError: embeddings are not finite, or are all zeros where they must be normalised.
    """
    embeddings = np.asarray(embed(pairs, View()), dtype=np.float64)
    if flip:
        embeddings = (embeddings + np.asarray(embed(pairs, View(flip=True)), dtype=np.float64)) / 2
    try:
        return Measured(pairs, pair_distances(embeddings, pairs.left, pairs.right, distance, normalize))
    except ValueError as error:
        raise MaskrecError(f"pair set {pairs.label!r}: {error}") from error


def validation_loss(embed: Embed, measured: Measured, normalized: bool) -> dict[str, float]:
    """``loss``: the contrastive loss of the pairs' unit embeddings; nothing where one of them is all zeros.

    Args:
        embed: as for ``measure``; it has these images already.
        measured: the pairs with their L2 distances.
        normalized: whether these are between unit embeddings.
    """
    if not normalized:
        embeddings = np.asarray(embed(measured.pairs, View()))
        if not embeddings.any(axis=1).all():
            return {}
        measured = measure(embed, measured.pairs, "l2", normalize=True)
    return {"loss": contrastive_loss(*measured.both())}


def require_both_kinds(pairs: PairSet) -> None:
    """Raise UsageError unless the set has both same and different pairs."""
    for kind, count in (("same", np.count_nonzero(pairs.same)), ("different", np.count_nonzero(~pairs.same))):
        if not count:
            raise UsageError(
                f"pair set {pairs.label!r} has no {kind}-person pairs; verification needs both kinds, so add some"
            )


def conditions(pairs: PairSet) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each condition for which the set has pairs, with their mask."""
    for number, name in enumerate(CONDITIONS):
        chosen = pairs.condition == number
        if chosen.any():
            yield name, chosen
