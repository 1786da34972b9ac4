"""How much more often a distance is met between two images of one person than of two, from both histograms."""

from __future__ import annotations

import numpy as np

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices

_UNSEEN = 10.0  # comparisons of either kind that each end is taken to have: what was never met is not impossible


def log_likelihood_ratio(genuine: Indices, impostor: Indices, centres: Floats) -> tuple[Floats, Floats]:
    """The natural logarithm of P(distance | same) / P(distance | different), falling with the distance.

    The monotone ratio of greatest likelihood (pool adjacent violators: Ayer et al. 1955; as a calibration Zadrozny and
    Elkan 2002), joined by straight lines. Beyond its ends it is constant.

    Args:
        genuine: int64 ``(bins,)``, comparisons of two images of one person.
        impostor: int64 ``(bins,)``, of two people; neither is all zeros.
        centres: float64 ``(bins,)``, the bins' middles, rising.

    Returns:
        Distances ``(k,)``, rising, and the logarithms there ``(k,)``, falling; all finite.
    """
    used = np.flatnonzero(genuine + impostor)
    same, different = genuine[used].astype(np.float64), impostor[used].astype(np.float64)
    weights = same + different
    different[0] += _UNSEEN
    same[-1] += _UNSEEN
    bins = np.stack([same / same.sum(), different / different.sum(), weights, weights * centres[used]], axis=1)
    pooled = _pool(bins)
    return pooled[:, 3] / pooled[:, 2], np.log(pooled[:, 0]) - np.log(pooled[:, 1])


def _pool(bins: Floats) -> Floats:
    """Neighbouring bins added up until the ratio of the first column to the second falls from each to the next."""
    pooled: list[list[float]] = []
    for row in bins.tolist():
        while pooled and row[0] * pooled[-1][1] >= pooled[-1][0] * row[1]:
            row = [mine + before for mine, before in zip(row, pooled.pop(), strict=True)]
        pooled.append(row)
    return np.array(pooled)
