"""The costs of probabilities and the choice of photos in the benchmark of error rates on new people."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compared_people import some_people
from scripts import REAL_FACES, script_module

from maskrec.metrics import count_risk
from maskrec.metrics.distance_counts import BINS

benchmark = script_module(REAL_FACES / "risk_on_new_people.py")


def shares(seed: int, middle: float) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(middle, 0.2, 5000).clip(0, 2)
    return np.histogram(drawn, BINS, (0, 2))[0] / 5000


def test_the_cost_of_probabilities_by_hand() -> None:
    same, different = np.zeros(BINS), np.zeros(BINS)
    same[0], same[1], different[1] = 0.75, 0.25, 1.0
    said = np.full(BINS, 0.5)
    assert benchmark.cllr(same, different, said) == 1.0
    said[:2] = 1.0, 0.2
    assert benchmark.cllr(same, different, said) == pytest.approx((0.25 * -math.log2(0.2) - math.log2(0.8)) / 2)
    said[1] = 1.0  # sure and wrong
    assert benchmark.cllr(same, different, said) == math.inf


def test_no_falling_probabilities_cost_less_than_the_fit() -> None:
    same, different = shares(0, 0.8), shares(1, 1.3)
    fitted = benchmark.isotonic(same, different)
    assert (np.diff(fitted) <= 0).all()
    least = benchmark.cllr(same, different, fitted)
    assert 0 < least < 1
    for steepness in (2, 5, 12.5, 20):  # 12.5 is the true one
        logit = steepness * (1.05 - benchmark.CENTRES)
        assert benchmark.cllr(same, different, 1 / (1 + np.exp(-logit))) > least


def test_a_half_that_is_compared_with_itself_is_within_its_interval() -> None:
    risk = count_risk(*some_people(60, 4, seed=1))
    held, by_comparisons, width, cost, least, answers = benchmark.compare(risk, risk, "one_masked")
    assert held
    assert by_comparisons
    assert width > 1
    assert least <= cost < answers


def test_the_first_photos_of_each_person_count() -> None:
    people = np.repeat([0, 1, 2], [4, 1, 2])
    rows = np.arange(14, dtype=np.float32)[:, None]
    first = benchmark.Faces(rows, people).first(2)
    assert first.people.tolist() == [0, 0, 1, 2, 2]
    assert first.rows[:, 0].tolist() == [0, 1, 4, 5, 6, 7, 8, 11, 12, 13]
    assert first.count == 3
