"""How far a false accept rate moves from some people to others: people are resampled, not comparisons.

A person who is easily taken for others is in thousands of comparisons, so comparisons are far from independent and
binomial intervals are several times too narrow (Fogliato, Patil and Perona, "Confidence Intervals for Error Rates in
1:1 Matching Tasks", 2024).
"""

from __future__ import annotations

import numpy as np

from maskrec.metrics.comparison_tiles import Indices

_DRAWS = 1000
_CONFIDENCE = 0.95
_FURTHEST = 25.0  # of a logarithm: a draw without false accepts is that far away


def effective_people(false: Indices) -> float:
    """How many people the false accepts stem from, if each had equally many: (sum f)^2 / sum f^2 (Kish 1965).

    Args:
        false: int64 ``(people,)``, false accepts that each person is in.
    """
    counts = false.astype(np.float64)
    squares = float(np.sum(counts * counts))
    return float(counts.sum()) ** 2 / squares if squares else 0.0


def spread_for_new_people(false: Indices, comparisons: Indices, seed: int = 0) -> float:
    """The factor, at least 1, within which the FAR of as many new people lies of the measured one, with 95 %.

    A comparison of persons i and j weighs w_i w_j, where the weights of a resample are independent Poisson numbers of
    mean 1. The sum over comparisons is taken from each person's counts, as (sum w_i f_i / sum f_i)^2: equal to first
    order. Both the people measured and the new ones are a sample, so two resamples are compared with each other.
    Each count being in two people's, this holds the chance of single comparisons twice; it is taken out once.

    Args:
        false: int64 ``(people,)``, false accepts that each person is in; not all 0.
        comparisons: int64 ``(people,)``, all that each person is in.
        seed: of the resamples.
    """
    logs = _resampled_logs(false, comparisons, seed)
    apart = np.abs(logs[::2, None] - logs[None, 1::2])
    return float(np.exp(np.quantile(apart, _CONFIDENCE) * _without_doubled_chance(false, comparisons)))


def _resampled_logs(false: Indices, comparisons: Indices, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """log of each resample's FAR over the measured one, ``(draws,)``."""
    # People of equal counts are drawn together: a sum of Poisson numbers is one.
    kinds, alike = np.unique(np.stack([false, comparisons], axis=1), axis=0, return_counts=True)
    weights = np.random.default_rng(seed).poisson(alike, (_DRAWS, len(alike)))
    of_false, of_all = (weights @ kinds.astype(np.float64)).T
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = 2 * np.log(of_false / false.sum()) - 2 * np.log(of_all / comparisons.sum())
    return np.nan_to_num(logs, nan=-_FURTHEST, neginf=-_FURTHEST).clip(-_FURTHEST, _FURTHEST)  # type: ignore[no-any-return]


def _without_doubled_chance(false: Indices, comparisons: Indices) -> float:
    """What the spread is to be multiplied by; at least sqrt(1/2), reached where people do not differ at all."""
    expected = comparisons * (false.sum() / comparisons.sum())
    variance = float(np.sum(np.square(false - expected)))
    events = float(false.sum()) / 2
    return float(np.sqrt(max(variance - events, variance / 2) / variance)) if variance else 1.0
