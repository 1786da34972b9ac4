"""How a probe is compared with a gallery's rows: each under the condition of its pair, ranked by calibrated odds.

A distance means something else in each condition: two strangers in masks are nearer to each other than two bare ones.
So distances are compared within one condition only. Across conditions the odds are compared that the distance gives
to "one person" against "two", as they were measured (``Risk.log_likelihood_ratio``).

Where it is not known whether one of the two faces wears a mask, several conditions are possible. The most cautious of
them counts: the lowest odds and the lowest threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics import Risk
from maskrec.metrics.arrays import Floats
from maskrec.metrics.distance_counts import BIN_WIDTH, BINS
from maskrec.metrics.enough_people import worded

UNKNOWN = -1
"""The mask state of a face that is not known; 0 is bare and 1 is masked."""

POSSIBLE: tuple[tuple[str, ...], ...] = (
    ("bare",),
    ("one_masked",),
    ("both_masked",),
    ("bare", "one_masked"),
    ("one_masked", "both_masked"),
    CONDITIONS,
)
"""What the numbers of ``pair_conditions`` mean: the conditions that are possible for a pair."""

_OF_STATES = np.array([[5, 3, 4], [3, 0, 1], [4, 1, 2]], np.int8)  # by both states, from UNKNOWN on


def mask_number(masked: bool | None) -> int:
    """A face's mask state as galleries store it: 1 masked, 0 bare, -1 not known."""
    return UNKNOWN if masked is None else int(masked)


def pair_conditions(gallery_masked: ArrayLike, probe_masked: ArrayLike | None) -> NDArray[np.int8]:
    """Which conditions are possible for each pair: an index into ``POSSIBLE``.

    Args:
        gallery_masked: mask states of rows, any shape: 1 masked, 0 bare, -1 not known.
        probe_masked: of what they are compared with, one state for all or an array that broadcasts; None: not known.

    Raises:
        ValueError: another number than these.
    """
    states = [np.asarray(UNKNOWN if each is None else each).astype(np.int64) for each in (gallery_masked, probe_masked)]
    if any(((each < UNKNOWN) | (each > 1)).any() for each in states):
        raise ValueError("a mask state must be 1 (masked), 0 (bare) or -1 (not known)")
    return np.asarray(_OF_STATES[states[0] - UNKNOWN, states[1] - UNKNOWN])


def worded_conditions(number: int) -> str:
    """The conditions that are possible, as an answer says them: ``bare``, ``bare or one_masked``."""
    return " or ".join(POSSIBLE[number])


def log_odds(distances: ArrayLike, conditions: ArrayLike, risk: Risk) -> Floats:
    """The natural logarithm of how much likelier each distance is for one person than for two.

    It is the measured ratio of the pair's condition, constant beyond the distances that were measured; with several
    possible conditions the smallest of theirs.

    Args:
        distances: L2 between unit embeddings, at least 0, any shape.
        conditions: from ``pair_conditions``, of that shape.
        risk: the model's.

    Raises:
        NotEnoughPeopleError: under ten comparisons of one person's images, or of two people's, in a condition.
        ValueError: a condition that was not measured, or a distance that is negative or not a number.
    """
    return _cautious(distances, conditions, risk.log_likelihood_ratio, np.minimum)


def place_among_strangers(distances: ArrayLike, conditions: ArrayLike, risk: Risk) -> Floats:
    """Where each distance lies among those of two people in its own condition; rises with the distance.

    From 0 to 1 it is the share of the measured comparisons of two people that are at most as far apart, interpolated.
    Below the nearest two people it falls to -1 at distance 0, beyond the furthest it rises to 2 at distance 2. It
    orders pairs of equal odds: far beyond what was measured of one person, the odds no longer tell pairs apart. With
    several possible conditions it is the largest of theirs.

    Args:
        distances: as for ``log_odds``.
        conditions: as for ``log_odds``.
        risk: the model's.

    Raises:
        ValueError: a condition that was not measured.
    """
    return _cautious(distances, conditions, lambda name, values: np.interp(values, *_strangers(risk, name)), np.maximum)


def ranked(
    distances: ArrayLike, conditions: ArrayLike, risk: Risk, lists: ArrayLike | None = None
) -> tuple[NDArray[np.int64], Floats]:
    """Pairs from the likeliest to be one person to the least likely, and the odds of each.

    By ``log_odds``; equal odds by ``place_among_strangers``, and what is equal there as it was given.

    Args:
        distances: ``(n,)``, as for ``log_odds``.
        conditions: ``(n,)``.
        risk: the model's.
        lists: ``(n,)``, numbers of several lists that are ranked each for itself; None: it is one.

    Returns:
        Indices ``(n,)``, those of the lists one after the other, and the logarithms ``(n,)`` in the order that the
        pairs were given in.

    Raises:
        ValueError: as in ``log_odds``.
    """
    odds = log_odds(distances, conditions, risk)
    keys = [place_among_strangers(distances, conditions, risk), -odds]
    return np.lexsort(keys if lists is None else [*keys, np.asarray(lists)]), odds


def _cautious(
    distances: ArrayLike,
    conditions: ArrayLike,
    of_condition: Callable[[str, Floats], Floats],
    more_cautious: Callable[[Floats, Floats], Floats],
) -> Floats:
    """A function of condition and distances, for each pair the most cautious value of its possible conditions."""
    values, numbers = np.asarray(distances, np.float64), np.asarray(conditions)
    answer = np.empty(values.shape)
    for number in np.unique(numbers).tolist():
        here = numbers == number
        first, *others = (of_condition(name, values[here]) for name in POSSIBLE[number])
        for other in others:
            first = more_cautious(first, other)
        answer[here] = first
    return answer


@lru_cache(maxsize=16)
def _strangers(risk: Risk, condition: str) -> tuple[Floats, Floats]:
    """Distances, rising, and the place at each, between which places are interpolated.

    Raises:
        ValueError: a condition that was not measured.
    """
    counts = risk.counts.impostor[CONDITIONS.index(condition)]
    met = np.flatnonzero(counts)
    if not len(met):
        raise ValueError(f"no {worded(condition)} images of two people were compared; evaluate some")
    distances = [met[0] * BIN_WIDTH, *((met + 1) * BIN_WIDTH)]
    places = [0.0, *(np.cumsum(counts[met]) / counts.sum())]
    if met[0] > 0:
        distances, places = [0.0, *distances], [-1.0, *places]
    if met[-1] < BINS - 1:
        distances, places = [*distances, BINS * BIN_WIDTH], [*places, 2.0]
    return np.array(distances), np.array(places)
