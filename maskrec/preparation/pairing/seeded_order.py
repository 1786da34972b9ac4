"""Seeded orders and numbers that are the same on every machine and for every version of every library."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.base.random import SeededDraws


class SeededOrder:
    """Random numbers by name: the same (seed, label, name) always gives the same ones.

    Args:
        seed: seed of everything random.
        label: the purpose of the numbers.
    """

    def __init__(self, seed: int, label: str) -> None:
        self._draws = SeededDraws(seed, 0, label, torch.zeros(1, dtype=torch.int64))

    def numbers(self, name: str, count: int) -> NDArray[np.int64]:
        """``(count,)`` with 63 random bits in each, so 0 or more."""
        bits: NDArray[np.int64] = self._draws.bits(name, (count,))[0].numpy()
        return bits & np.int64(2**63 - 1)

    def order(self, name: str, count: int) -> NDArray[np.int64]:
        """A permutation of 0 to ``count - 1``."""
        return np.argsort(self.numbers(name, count), kind="stable")


def fill_evenly(capacities: NDArray[np.int64], wanted: int, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Quotas that sum to ``wanted``, none above its capacity, as even as possible.

    Args:
        capacities: ``(n,)``, 0 or more.
        wanted: at most their sum.
        order: a permutation: which come first where some must get one more than others.

    Returns:
        int64 ``(n,)``; ``min(capacity, level)`` or one more for some level.
    """
    low, high = 0, int(capacities.max(initial=0))
    while low < high:  # the highest level that does not give too many
        middle = (low + high + 1) // 2
        if int(np.minimum(capacities, middle).sum()) <= wanted:
            low = middle
        else:
            high = middle - 1
    given = np.minimum(capacities, low)
    more = order[capacities[order] > low][: wanted - int(given.sum())]
    given[more] += 1
    return given
