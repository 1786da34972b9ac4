"""Intervals of shares of events that people have several of: people are resampled, not events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.intervals import wilson

_DRAWS = 1000
Counts = NDArray[np.int64]


def people_interval(events: Counts, trials: Counts, seed: int = 0, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of ``sum(events) / sum(trials)`` when people are drawn again, within [0, 1].

    Percentiles over resamples in which each person has a Poisson weight of mean 1, and never narrower than Wilson's
    interval of independent trials: where nothing or everything is an event, resamples do not differ.

    Args:
        events: ``(people,)``, of each person.
        trials: ``(people,)``, not all 0.
        seed: of the resamples.
        confidence: in (0, 1).

    Raises:
        ValueError: no trials.
    """
    low, high = wilson(int(events.sum()), int(trials.sum()), confidence)
    # People of equal counts are drawn together: a sum of Poisson numbers is one.
    kinds, alike = np.unique(np.stack([events, trials], axis=1), axis=0, return_counts=True)
    weights = np.random.default_rng(seed).poisson(alike, (_DRAWS, len(alike)))
    drawn, of_all = (weights @ kinds.astype(np.float64)).T
    shares = drawn[of_all > 0] / of_all[of_all > 0]
    tail = (1 - confidence) / 2
    ends = np.quantile(shares, [tail, 1 - tail]) if len(shares) else (0.0, 1.0)
    return min(low, float(ends[0])), max(high, float(ends[1]))
