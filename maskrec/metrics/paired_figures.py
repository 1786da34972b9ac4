"""Differences of two systems on weighted pairs: what is resampled over people.

A system may be several models whose figures are averaged, such as the seeds of one recipe.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.arrays import Floats, distances_of_both
from maskrec.metrics.people_resamples import Chosen, DrawnWeights, Statistic


def tar_difference(first: Sequence[Floats], second: Sequence[Floats], same: NDArray[np.bool_], far: float) -> Statistic:
    """TAR at a FAR of the second system less that of the first; each draw has thresholds of its own.

    Args:
        first: of each of its models, float64 ``(n,)``: the distance of each pair.
        second: likewise.
        same: bool ``(n,)``, whether each pair shows one person.
        far: in (0, 1); the threshold is the largest whose FAR is not above it.

    Raises:
        ValueError: pairs of one kind only, or distances that are not finite.
    """
    systems = [[weighted_tar(each, same, far) for each in models] for models in (first, second)]

    def measure(weights: DrawnWeights) -> Floats:
        before, after = (np.mean([tar(weights) for tar in models], axis=0) for models in systems)
        found: Floats = after - before
        return found

    return measure


def weighted_tar(distances: Floats, same: NDArray[np.bool_], far: float) -> Statistic:
    """TAR of weighted pairs at the largest threshold whose weighted FAR is not above ``far``.

    With weights of 1 it is that of ``tar_at_far``. Arguments and errors as for ``tar_difference``.
    """
    genuine, impostor = distances_of_both(distances[same], distances[~same])
    order = np.flatnonzero(~same)[np.argsort(impostor, kind="stable")]
    nearest, beyond = np.sort(impostor), np.full(len(same), len(impostor) + 1)
    beyond[same] = np.searchsorted(nearest, genuine, "right")  # impostors at most as far as each genuine pair

    def measure(drawn: DrawnWeights) -> Floats:
        accepted = _accepted(drawn, order, ~same, far)
        some = np.flatnonzero(same & (beyond > accepted.min()))  # not accepted in every draw
        some = some[np.argsort(beyond[some], kind="stable")]
        sums = np.zeros((len(some) + 1, len(accepted)))
        np.cumsum(drawn.rows[some], axis=0, out=sums[1:])
        taken = np.searchsorted(beyond[some], accepted, "right")
        missed = sums[-1] - sums[taken, np.arange(len(accepted))]
        with np.errstate(invalid="ignore"):
            found: Floats = 1 - missed / drawn.total(same)
        return np.where(accepted < 0, np.nan, found)

    return measure


def _accepted(drawn: DrawnWeights, order: NDArray[np.int64], different: Chosen, far: float) -> NDArray[np.int64]:
    """How many of the nearest impostors each draw accepts, ``(draws,)``; -1 where it has none of any weight."""
    every = drawn.total(different)
    reach = min(len(order), 16 + int(4 * far * len(order)))
    while True:
        sums = np.cumsum(drawn.rows[order[:reach]], axis=0, dtype=np.float64)
        if reach == len(order) or bool(np.all(sums[-1] > far * every)):
            break
        reach = min(len(order), 4 * reach)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.int64] = np.count_nonzero(sums / every <= far, axis=0)
    return np.where(every > 0, found, -1)
