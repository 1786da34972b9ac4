"""Confidence intervals for shares and quantiles of independent events.

Pairs that share an image or a person are not independent, so on most pair sets the true uncertainty is larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

import numpy as np

from maskrec.base.unit_interval import require_inside_unit_interval


def wilson(successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a binomial share, within [0, 1] (Wilson 1927).

    Raises:
        ValueError: no trials, successes outside [0, trials], or a confidence outside (0, 1).
    """
    _check_confidence(confidence)
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials give no share")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * float(np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)) / (1 + z * z / trials)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return low, high


def quantile_counts(share: float, trials: int, confidence: float = 0.95) -> tuple[int, int]:
    """How many of ``trials`` draws lie at or under the true ``share``-quantile of their distribution.

    The number is binomial; the answer (low, high), both in [0, trials], holds it with at least ``confidence``. So the
    quantile lies between the low-th and the (high + 1)-th smallest draw (order statistics; no assumption about the
    distribution).

    Raises:
        ValueError: a share or a confidence outside (0, 1), or no trials.
    """
    _check_confidence(confidence)
    if not 0 < share < 1 or trials < 1:
        raise ValueError(f"the share must be inside (0, 1) and trials at least 1, not {share} of {trials}")
    tail = (1 - confidence) / 2
    below = np.cumsum(binomial_shares(share, trials))
    low = int(np.searchsorted(below, tail, "right"))
    high = int(np.searchsorted(below, 1 - tail, "left"))
    return low, min(high, trials)


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of normally distributed values, by Student's t (Student 1908).

    Raises:
        ValueError: fewer than two values, or a confidence outside (0, 1).
    """
    _check_confidence(confidence)
    if len(values) < 2:
        raise ValueError(f"an interval of a mean needs at least two values, not {len(values)}")
    half = student_quantile(len(values) - 1, confidence) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def student_quantile(degrees: int, confidence: float) -> float:
    """The t that a variable of Student's distribution does not exceed, in absolute value, with this probability."""
    low, high = 0.0, 1.0
    while student_share(high, degrees) < confidence:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if student_share(middle, degrees) < confidence else (low, middle)
    return high


def student_share(t: float, degrees: int) -> float:
    """The probability of at most ``t`` in absolute value (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    term = total = cosine if odd else 1.0
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + (math.sin(angle) * total if degrees > 1 else 0.0))


def binomial_shares(share: float, trials: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Probabilities of 0 to ``trials`` successes; in logarithms, so that thousands of trials do not underflow."""
    counts = np.arange(1, trials + 1)
    ratios = np.log((trials - counts + 1) / counts) + np.log(share) - np.log1p(-share)
    logs = trials * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(ratios)])
    return np.exp(logs)  # type: ignore[no-any-return]


def _check_confidence(confidence: float) -> None:
    require_inside_unit_interval(confidence, "confidence")
