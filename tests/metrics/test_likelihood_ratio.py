"""The likelihood ratio of a distance against scikit-learn's isotonic regression."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from maskrec.metrics.likelihood_ratio import log_likelihood_ratio

bins = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=40)
UNSEEN = 10


def by_isotonic_regression(genuine: np.ndarray, impostor: np.ndarray, centres: np.ndarray) -> dict[float, float]:
    """Mean distance of each level of the fit, and its log ratio."""
    used = np.flatnonzero(genuine + impostor)
    same, different = genuine[used].astype(float), impostor[used].astype(float)
    met = same + different
    different[0] += UNSEEN
    same[-1] += UNSEEN
    same, different = same / same.sum(), different / different.sum()
    fit = IsotonicRegression(increasing=False)
    share = fit.fit_transform(centres[used], same / (same + different), sample_weight=same + different).round(9)
    return {
        float(np.average(centres[used][share == level], weights=met[share == level])): math.log(level / (1 - level))
        for level in np.unique(share)
    }


@settings(deadline=None, max_examples=120)
@given(bins)
def test_equals_isotonic_regression(counts: list[tuple[int, int]]) -> None:
    genuine, impostor = np.array([*counts, (1, 0)]).T, None
    genuine, impostor = genuine[0], genuine[1] + (np.arange(len(counts) + 1) == 0)
    centres = np.arange(len(genuine)) * 0.1 + 0.05
    distances, logs = log_likelihood_ratio(genuine, impostor, centres)
    expected = sorted(by_isotonic_regression(genuine, impostor, centres).items())
    np.testing.assert_allclose(distances, [distance for distance, _ in expected], atol=1e-9)
    np.testing.assert_allclose(logs, [log for _, log in expected], atol=1e-5)
    assert (np.diff(logs) < 0).all()
    assert (np.diff(distances) > 0).all()
    assert np.isfinite(logs).all()


def test_what_was_never_met_is_not_impossible() -> None:
    """A million impostors and none near: ten of them are taken to be, in 1,000,010."""
    genuine, impostor = np.array([990, 0, 0]), np.array([0, 0, 1_000_000])
    distances, logs = log_likelihood_ratio(genuine, impostor, np.array([0.5, 1.0, 1.5]))
    np.testing.assert_allclose(distances, [0.5, 1.5])
    np.testing.assert_allclose(logs, [math.log(0.99 / (10 / 1_000_010)), math.log(0.01 / (1_000_000 / 1_000_010))])
