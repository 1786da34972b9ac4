"""A loss of pairs that needs no class centres, so that it can be measured on people who were not trained on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from maskrec.metrics.arrays import distances_of_both

ORTHOGONAL = math.sqrt(2)
"""The L2 distance between unit embeddings at right angles: how far unrelated faces are apart in many dimensions."""


def contrastive_loss(same: ArrayLike, different: ArrayLike, margin: float = ORTHOGONAL) -> float:
    """Half the mean of ``d**2`` over same pairs and half the mean of ``max(0, margin - d)**2`` over different ones.

    Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006; each class counts
    half, whatever the numbers of pairs are.

    Args:
        same: L2 distances of same-person pairs, ``(n,)``.
        different: of different-person pairs, ``(m,)``.
        margin: the distance from which on different pairs cost nothing, above 0.

    Raises:
        ValueError: empty or non-finite distances, or a margin that is not above 0.
    """
    same, different = distances_of_both(same, different)
    if not margin > 0:
        raise ValueError(f"margin must be above 0, not {margin}")
    return float((np.square(same).mean() + np.square((margin - different).clip(min=0)).mean()) / 2)
