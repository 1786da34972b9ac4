"""The FAR of other people: against resampling the full matrix of people, and on drawn people whose law is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maskrec.metrics import wilson
from maskrec.metrics.new_people import effective_people, spread_for_new_people

Counts = NDArray[np.int64]


def accepts(people: int, differing: float, rate: float, rng: np.random.Generator, images: int = 1) -> Counts:
    """False accepts between each two people ``(people, people)``: they differ in how easily they are mistaken."""
    easily = np.exp(differing * rng.standard_normal(people) - differing**2 / 2)
    counts = np.triu(rng.binomial(images * images, np.clip(rate * np.outer(easily, easily), 0, 1)), 1)
    return counts + counts.T


def marginals(counts: Counts, images: int = 1) -> tuple[Counts, Counts]:
    return counts.sum(axis=1), np.full(len(counts), (len(counts) - 1) * images * images)


def spread_by_matrix(counts: Counts, draws: int = 600) -> float:
    """Two-way resampling in full: a comparison of i and j weighs w_i w_j."""
    people, rng, logs = len(counts), np.random.default_rng(5), []
    all_pairs = 1.0 - np.eye(people)
    measured = counts.sum() / all_pairs.sum()
    for _ in range(draws):
        weights = rng.poisson(1.0, people).astype(np.float64)
        logs.append(np.log((weights @ counts @ weights) / (weights @ all_pairs @ weights) / measured))
    apart = np.abs(np.subtract.outer(logs, logs))
    return float(np.exp(np.quantile(apart, 0.95)))


def test_equals_the_full_matrix_where_people_decide() -> None:
    counts = accepts(300, 0.7, 0.05, np.random.default_rng(1))
    ours, full = spread_for_new_people(*marginals(counts)), spread_by_matrix(counts)
    assert np.log(ours) == pytest.approx(np.log(full), rel=0.1)


def test_the_chance_of_single_comparisons_is_counted_once() -> None:
    """Where all people are alike, the variance is that of independent events; the full matrix has it thrice."""
    counts = accepts(400, 0.0, 0.01, np.random.default_rng(2))
    events = counts.sum() / 2
    expected = 1.96 * np.sqrt(2 / events)  # of the logarithm of two samples' ratio
    ours, full = spread_for_new_people(*marginals(counts)), spread_by_matrix(counts)
    assert np.log(ours) == pytest.approx(expected, rel=0.15)
    assert np.log(full) == pytest.approx(expected * np.sqrt(3), rel=0.15)


@pytest.mark.parametrize(("people", "differing", "rate"), [(150, 0.0, 0.01), (150, 0.5, 0.02), (60, 0.5, 0.05)])
def test_the_interval_holds_the_rate_of_other_people(people: int, differing: float, rate: float) -> None:
    rng = np.random.default_rng(3)
    held, by_comparisons, trials = 0, 0, 100
    for _ in range(trials):
        one, other = (accepts(people, differing, rate, rng) for _ in range(2))
        spread = spread_for_new_people(*marginals(one))
        far, next_far = (counts.sum() / (people * (people - 1)) for counts in (one, other))
        held += far / spread <= next_far <= far * spread
        low, high = wilson(one.sum() // 2, people * (people - 1) // 2)
        by_comparisons += low <= next_far <= high
    assert 0.88 <= held / trials <= 0.995
    assert by_comparisons < held


def test_the_same_counts_give_the_same_spread() -> None:
    false, comparisons = marginals(accepts(80, 0.5, 0.1, np.random.default_rng(4)))
    order = np.random.default_rng(0).permutation(80)
    assert spread_for_new_people(false, comparisons) == spread_for_new_people(false[order], comparisons[order])
    assert spread_for_new_people(false, comparisons) == pytest.approx(
        spread_for_new_people(false, comparisons, seed=1), rel=0.05
    )


def test_more_people_know_more() -> None:
    rng = np.random.default_rng(6)
    spreads = [spread_for_new_people(*marginals(accepts(people, 0.5, 0.05, rng))) for people in (50, 200, 800)]
    assert spreads[0] > spreads[1] > spreads[2] > 1


def test_a_rate_that_nobody_changes_has_no_spread() -> None:
    assert spread_for_new_people(np.full(30, 2), np.full(30, 10)) == pytest.approx(1.0)


def test_effective_people() -> None:
    assert effective_people(np.array([3, 3, 3, 0])) == pytest.approx(3)
    assert effective_people(np.array([1000, 1, 1])) == pytest.approx(1, abs=0.01)
    assert effective_people(np.zeros(4, np.int64)) == 0
