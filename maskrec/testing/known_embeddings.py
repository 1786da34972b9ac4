"""Embeddings of which it is known how well they tell people apart, and the ``embed`` that gives them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maskrec.base.random import seed_of
from maskrec.base.words import plain_name
from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.embedder import require_pair_set

_WIDTH = 32  # numbers in an embedding

RowsOf = Callable[[PairSet], NDArray[np.float64]]


class KnownEmbeddings:
    """An ``embed`` with given rows, read-only as the runner's are; every view shows the same.

    Args:
        rows_of: the rows of a pair set, ``(n, d)``.
    """

    def __init__(self, rows_of: RowsOf) -> None:
        self.rows_of = rows_of
        self._kept: dict[int, tuple[PairSet, NDArray[np.float32]]] = {}

    def __call__(self, pairs: PairSet, view: View | None = None) -> NDArray[np.float32]:
        """float32 ``(n, d)``, one row for each image of the set."""
        require_pair_set(pairs)
        if id(pairs) not in self._kept:
            rows = self.rows_of(pairs).astype(np.float32)
            rows.setflags(write=False)
            self._kept[id(pairs)] = (pairs, rows)
        return self._kept[id(pairs)][1]


def people_of(pairs: PairSet) -> NDArray[np.int64]:
    """A number for each image, equal for images of one person: those that ``same`` pairs or ``identities`` join."""
    person = np.arange(len(pairs.images))

    def top(image: int) -> int:
        while person[image] != image:
            person[image] = image = person[person[image]]
        return image

    joined = [*zip(pairs.left[pairs.same].tolist(), pairs.right[pairs.same].tolist(), strict=True)]
    first: dict[str, int] = {}
    joined += [(first.setdefault(plain_name(name), image), image) for image, name in enumerate(pairs.identities or ())]
    for left, right in joined:
        one, other = sorted((top(left), top(right)))
        person[other] = one  # the first image, whatever the order of the pairs
    return np.array([top(image) for image in range(len(person))], np.int64)


def embeddings(noise: float) -> RowsOf:
    """Embeddings with ``noise`` beside 1 of the person; with infinite noise they say nothing about people."""

    def rows_of(pairs: PairSet) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed_of(pairs.label))
        people = rng.standard_normal((len(pairs.images), _WIDTH))[people_of(pairs)]
        own = rng.standard_normal(people.shape)
        return own if np.isinf(noise) else people + noise * own

    return rows_of


PERFECT, USUAL, RANDOM = embeddings(0.01), embeddings(1.0), embeddings(math.inf)


def in_another_order(pairs: PairSet) -> PairSet:
    """The same pairs in another order, every second one with its sides exchanged."""
    order = np.random.default_rng(0).permutation(len(pairs))
    turned = np.arange(len(pairs)) % 2 == 1
    left, right = pairs.left[order], pairs.right[order]
    return replace(
        pairs,
        left=np.where(turned, right, left),
        right=np.where(turned, left, right),
        same=pairs.same[order],
        condition=pairs.condition[order],
        fold=None if pairs.fold is None else pairs.fold[order],
    )
