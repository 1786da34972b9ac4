"""Two systems that decide the same pairs: McNemar's test, and the smallest difference that it would find."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.intervals import binomial_shares

POWER = 0.8
"""Of the smallest difference that is said to be found."""


@dataclass(frozen=True, slots=True)
class Discordant:
    """Pairs that two systems decide differently.

    Args:
        gained: pairs that the first decides wrongly and the second rightly.
        lost: the reverse.
        pairs: all that both decided.
    """

    gained: int
    lost: int
    pairs: int

    @property
    def share(self) -> float:
        """Of all pairs, those that are decided differently; in [0, 1]."""
        return (self.gained + self.lost) / self.pairs

    @property
    def difference(self) -> float:
        """Accuracy of the second less that of the first."""
        return (self.gained - self.lost) / self.pairs

    def p_value(self) -> float:
        """McNemar's test with the mid-p value, two-sided.

        The exact test asks how a fair coin would divide the discordant pairs (McNemar 1947); of what is as extreme as
        the answer itself, the mid-p value counts half. The exact p-value calls too little different, and the mid-p
        value hardly ever too much (Fagerland, Lydersen and Laake 2013). Pairs count as independent.
        """
        count = self.gained + self.lost
        if not count:
            return 1.0
        shares, fewer = binomial_shares(0.5, count), min(self.gained, self.lost)
        return min(1.0, 2 * float(shares[:fewer].sum()) + float(shares[fewer]))


def discordant(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Discordant:
    """Count the pairs that only one of two systems decides rightly.

    Args:
        first: bool ``(n,)``, whether each pair was decided rightly by the first system.
        second: likewise, by the second.

    Raises:
        ValueError: no pairs, or arrays of two lengths.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(f"two systems must decide the same pairs, at least one, not {len(first)} and {len(second)}")
    return Discordant(int(np.count_nonzero(~first & second)), int(np.count_nonzero(first & ~second)), len(first))


def smallest_found(share: float, pairs: int, alpha: float, widened: float = 1.0) -> float:
    """The smallest difference of accuracies that McNemar's test finds with 80 % power; in (0, 1].

    From ``pairs * d**2 = (z_alpha sqrt(s) + z_power sqrt(s - d**2))**2`` (Connor 1987), where the share s of
    discordant pairs is at least the difference d itself.

    Args:
        share: s, of the pairs that are decided differently.
        pairs: how many were decided.
        alpha: level of the test, in (0, 1).
        widened: how much larger the variance is than that of independent pairs, at least 1.
    """
    normal = NormalDist()
    z_alpha, z_power = normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(POWER)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        discordant_share = max(share, middle)
        needed = z_alpha * math.sqrt(discordant_share) + z_power * math.sqrt(discordant_share - middle**2)
        low, high = (middle, high) if middle < needed * math.sqrt(widened / pairs) else (low, middle)
    return high
