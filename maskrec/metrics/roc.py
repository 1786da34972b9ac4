"""The ROC curve of pairs and the metrics derived from it; pairs of equal distance are never separated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.metrics.arrays import Floats, distances_of_both


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """The ROC curve: one vertex per distinct distance, after the vertex where nothing is accepted.

    Args:
        thresholds: float64 ``(k,)``, rising; the first is -inf. At ``thresholds[i]`` pairs at or under it are accepted.
        true_accepts: int64 ``(k,)``, same pairs accepted.
        false_accepts: int64 ``(k,)``, different pairs accepted.
        same: number of same pairs.
        different: number of different pairs.
    """

    thresholds: Floats
    true_accepts: NDArray[np.int64]
    false_accepts: NDArray[np.int64]
    same: int
    different: int

    @property
    def tar(self) -> Floats:
        """True accept rate at each vertex, in [0, 1]."""
        return self.true_accepts / self.same

    @property
    def far(self) -> Floats:
        """False accept rate at each vertex, in [0, 1]."""
        return self.false_accepts / self.different

    def auc(self) -> float:
        """Area under the curve: the probability that a same pair is nearer than a different one, ties counting half."""
        area = np.sum(np.diff(self.false_accepts) * (self.true_accepts[1:] + self.true_accepts[:-1]))
        return float(area / (2 * self.same * self.different))

    def eer(self) -> float:
        """Equal error rate: FAR where it equals 1 - TAR on the curve, vertices joined by straight lines.

        Points between two vertices are reached by choosing randomly between their thresholds; the value is unique
        because FAR + TAR rises along the curve.
        """
        far, excess = self.far, self.far + self.tar - 1
        after = int(np.argmax(excess >= 0))  # excess runs from -1 to 1, so 0 < after
        share = excess[after - 1] / (excess[after - 1] - excess[after])
        return float(far[after - 1] + share * (far[after] - far[after - 1]))


def roc(same: ArrayLike, different: ArrayLike) -> Roc:
    """The ROC curve of the distances of same ``(n,)`` and different ``(m,)`` pairs.

    Raises:
        ValueError: empty or non-finite distances.
    """
    same, different = distances_of_both(same, different)
    # Two sorted runs: the stable sort only has to merge them.
    every = np.concatenate([np.sort(same), np.sort(different)])
    order = np.argsort(every, kind="stable")
    every, accepted = every[order], np.cumsum(order < same.size)
    last = np.flatnonzero(np.concatenate([every[1:] != every[:-1], [True]]))  # of each run of equal distances
    return Roc(
        np.concatenate([[-np.inf], every[last]]),
        np.concatenate([[0], accepted[last]]).astype(np.int64),
        np.concatenate([[0], last + 1 - accepted[last]]).astype(np.int64),
        same.size,
        different.size,
    )
