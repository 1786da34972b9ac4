"""Whether the TAR of two models differs by more than chance, by exchanging their answers person by person.

Were the models equally good, each person's pairs could as well have been answered by the other one. So the answers are
exchanged at random, for all pairs of a first person together, and the difference divided by its standard error is
computed anew each time: the share of exchanges with a ratio at least as large is the p-value (Good, "Permutation,
Parametric and Bootstrap Tests of Hypotheses", 2005). It is the ratio that is compared, because its distribution under
exchange tends to its own also where pairs share second persons, which no exchange keeps together (Chung and Romano,
"Exact and asymptotically robust permutation tests", 2013). A bootstrap of the threshold would need a smooth
distribution: a FAR of 0.01 rests on few pairs, and its resamples spread half as much again as the figure itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.arrays import Floats
from maskrec.metrics.people_resamples import PeopleOfPairs, PeopleSpread, SharedPeople

EXCHANGES = 999
_WINDOW = 0.5  # of the FAR, to each side: where the slope of the ROC curve is measured


def tar_spread(
    first: Floats,
    second: Floats,
    same: NDArray[np.bool_],
    far: float,
    people: PeopleOfPairs,
    seed: int = 0,
    exchanges: int = EXCHANGES,
) -> PeopleSpread:
    """TAR of the second model less that of the first, its standard error, and the p-value of the exchanges.

    The error is such that the interval of 95 % excludes 0 where the p-value is below 0.05.

    Args:
        first: float64 ``(n,)``, the distance of each pair.
        second: likewise.
        same: bool ``(n,)``, whether each pair shows one person; both kinds are there.
        far: in (0, 1); the threshold of each model is the largest whose FAR is not above it.
        people: of the pairs.
        seed: of the exchanges.
        exchanges: how many, at least 1.
    """
    shared = SharedPeople(people)
    units, rng = np.unique(people.one, return_inverse=True)[1], np.random.default_rng([seed, 3])
    value, error = _difference(first, second, same, far, shared)
    ratios = np.empty(exchanges)
    for number in range(exchanges):
        kept = (rng.random(int(units.max()) + 1) < 0.5)[units]
        ratios[number] = _ratio(
            *_difference(np.where(kept, first, second), np.where(kept, second, first), same, far, shared)
        )
    beyond = int(np.count_nonzero(ratios >= _ratio(value, error)))
    wide = float(np.quantile(ratios, 0.95)) / _NORMAL
    return PeopleSpread(value, error * wide, (beyond + 1) / (exchanges + 1))


_NORMAL = 1.959963984540054  # of the normal distribution, two-sided 0.05


def _ratio(value: float, error: float) -> float:
    return abs(value) / error if error else 0.0


def _difference(
    first: Floats, second: Floats, same: NDArray[np.bool_], far: float, shared: SharedPeople
) -> tuple[float, float]:
    """The difference of two TARs and its standard error over people, to first order."""
    (before, of_before), (after, of_after) = (tar_influence(each, same, far) for each in (first, second))
    return after - before, shared.error(of_after - of_before)


def tar_influence(distances: Floats, same: NDArray[np.bool_], far: float) -> tuple[float, Floats]:
    """TAR at a FAR, and how much each pair moves it, ``(n,)``: their sum is 0.

    A pair of one person moves it by being accepted, a pair of two by moving the threshold: by the slope of the ROC
    curve, which is taken between half and one and a half of the FAR.

    Args:
        distances: float64 ``(n,)``.
        same: bool ``(n,)``; both kinds are there.
        far: in (0, 1).
    """
    genuine, impostor = np.sort(distances[same]), np.sort(distances[~same])
    count = len(impostor)
    accepted = int(np.count_nonzero(np.arange(1, count + 1) / count <= far))
    threshold = impostor[accepted] if accepted < count else np.inf
    tar = float(np.searchsorted(genuine, threshold)) / len(genuine)
    low, high = max(0, round(far * (1 - _WINDOW) * count)), min(count - 1, round(far * (1 + _WINDOW) * count))
    rise = np.searchsorted(genuine, impostor[high]) - np.searchsorted(genuine, impostor[low])
    slope = float(rise) / len(genuine) / ((high - low) / count) if high > low else 0.0
    below = distances < threshold
    reached = np.count_nonzero(below & ~same) / count
    return tar, np.where(same, (below - tar) / len(genuine), -slope * (below - reached) / count)
