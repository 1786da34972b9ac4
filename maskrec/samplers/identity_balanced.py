"""P identities x K images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.samplers.generators import epoch_generator


class IdentityBalanced:
    """Every batch holds exactly P identities with exactly K images each.

    Identities are drawn in rounds of random order, so every identity occurs in every epoch, and the numbers of
    occurrences differ by at most one. An identity's images are drawn in rounds too: none twice in a batch, all once
    before any repeats. Only an identity with fewer than K images repeats them within a batch, with numbers that differ
    by at most one. An epoch has as many batches as the images fill, and at least as many as needed to reach every
    identity.

    Args:
        labels: of the training data, one per sample.
        seed: the run's.
        identities_per_batch: P, at least 2.
        images_per_identity: K, at least 1 (2 for triplets).

    Raises:
        ValueError: P or K out of range, or more identities than the data has.
    """

    def __init__(self, labels: Sequence[int], seed: int, identities_per_batch: int, images_per_identity: int) -> None:
        self.identities_per_batch, self.images_per_identity = identities_per_batch, images_per_identity
        values = {"identities_per_batch": identities_per_batch, "images_per_identity": images_per_identity}
        array = np.asarray(labels, dtype=np.int64)
        refuse(_problems(values, array))
        self.seed, self.epoch, self.samples = seed, 0, len(array)
        order = np.argsort(array, kind="stable")
        starts = np.flatnonzero(np.diff(array[order])) + 1
        self.images = np.split(order, starts)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report more identities per batch than the data has; note when some have fewer than K images."""
        labels = context.givens.get("labels")
        yield from _problems(values, None if labels is None else np.asarray(labels, dtype=np.int64))

    @property
    def batch_size(self) -> int:
        """P x K."""
        return self.identities_per_batch * self.images_per_identity

    def __len__(self) -> int:
        """Batches per epoch."""
        return max(self.samples // self.batch_size, -(-len(self.images) // self.identities_per_batch))

    def set_epoch(self, epoch: int) -> None:
        """Choose the batches of the next iteration."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        """Global batches of sample indices, in groups of K per identity."""
        generator = epoch_generator(self.seed, self.epoch)
        identities = _Deck(np.arange(len(self.images)), generator)
        decks: dict[int, _Deck] = {}
        for _ in range(len(self)):
            batch: list[int] = []
            for identity in identities.deal(self.identities_per_batch).tolist():
                if identity not in decks:
                    decks[identity] = _Deck(self.images[identity], generator)
                batch += decks[identity].deal(self.images_per_identity).tolist()
            yield batch


class _Deck:
    """Draws items in rounds of a new random order; only a draw larger than a round repeats items."""

    def __init__(self, items: NDArray[np.int64], generator: np.random.Generator) -> None:
        self.items, self.generator = items, generator
        self.left = generator.permutation(items)

    def deal(self, size: int) -> NDArray[np.int64]:
        """``size`` items; whole rounds first where there are fewer items than that."""
        rounds, rest = divmod(size, len(self.items))
        return np.concatenate([np.tile(self.items, rounds), self._distinct(rest)])

    def _distinct(self, size: int) -> NDArray[np.int64]:
        """``size`` different items, fewer than the total."""
        hand, self.left = self.left[:size], self.left[size:]
        missing = size - len(hand)
        if missing:
            order = self.generator.permutation(self.items)
            others = order[~np.isin(order, hand)][:missing]
            self.left = order[~np.isin(order, others)]
            hand = np.concatenate([hand, others])
        return hand


def _problems(values: Mapping[str, Any], labels: NDArray[np.int64] | None) -> Iterator[Problem]:
    wanted, images = values["identities_per_batch"], values["images_per_identity"]
    if wanted < 2:
        yield Problem(f"identities_per_batch must be at least 2, not {wanted}", "identities_per_batch")
    if images < 1:
        yield Problem(f"images_per_identity must be at least 1, not {images}", "images_per_identity")
    if labels is None or wanted < 2 or images < 1:
        return
    counts = np.unique(labels, return_counts=True)[1]
    if wanted > len(counts):
        yield Problem(
            f"identities_per_batch {wanted} is more than the {len(counts)} identities of the training data",
            "identities_per_batch",
        )
    short = int((counts < images).sum())
    if short:
        yield Problem(
            f"{short} of {len(counts)} identities have fewer than {images} images; theirs are repeated within a batch",
            "images_per_identity",
            note=True,
        )
