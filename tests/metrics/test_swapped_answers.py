from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskrec.metrics import roc, tar_at_far
from maskrec.metrics.people_resamples import PeopleOfPairs
from maskrec.metrics.swapped_answers import tar_influence, tar_spread


@st.composite
def both_kinds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Distances with ties, of pairs of both kinds."""
    count = draw(st.integers(2, 30))
    same = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    same[:2] = [True, False]
    return np.array(draw(st.lists(st.integers(-4, 8), min_size=count, max_size=count)), float), same


@given(both_kinds(), st.sampled_from([0.01, 0.07, 0.2, 0.29, 0.5, 0.9]))
def test_the_tar_is_that_of_its_threshold_and_the_parts_add_up_to_nothing(
    drawn: tuple[np.ndarray, np.ndarray], far: float
) -> None:
    distances, same = drawn
    tar, parts = tar_influence(distances, same, far)
    assert tar == pytest.approx(tar_at_far(roc(distances[same], distances[~same]), far).tar, abs=1e-12)
    assert float(parts.sum()) == pytest.approx(0.0, abs=1e-9)


def test_the_parts_say_how_the_tar_moves_with_the_pairs() -> None:
    """Against the TAR of pairs of which some weigh more, on a grid so fine that the threshold moves evenly."""
    points = (np.arange(20_000) + 0.5) / 20_000
    same = np.arange(40_000) < 20_000
    distances = np.concatenate([points**2, 0.9 + points])  # the ROC curve rises evenly where FARs are near 0.05
    tar, parts = tar_influence(distances, same, 0.05)
    assert tar == pytest.approx(np.sqrt(0.95), abs=1e-3)
    heavier = 1 + 0.02 * ((distances < 0.93) & ~same)  # impostors below the threshold: it moves down
    threshold = 0.9 + np.interp(0.05 * heavier[~same].sum(), np.cumsum(heavier[~same]), points)
    moved = np.sqrt(threshold) - np.sqrt(0.95)
    assert float(parts @ heavier) == pytest.approx(moved, rel=0.05)
    assert moved < 0


def models(rng: np.random.Generator, better: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, PeopleOfPairs]:
    """Two models on 400 pairs of 60 people, each with a leaning of its own for each person."""
    one, same = rng.integers(0, 60, 400), np.arange(400) % 2 == 0
    other = np.where(same, one, (one + rng.integers(1, 60, 400)) % 60)
    shared = np.where(same, 0.0, 2.0) + rng.normal(size=400)
    first, second = (shared + 0.4 * rng.normal(size=400) + 0.3 * rng.normal(size=60)[one] for _ in range(2))
    return first, np.where(same, second - better, second), same, PeopleOfPairs(one, other)


def test_equal_models_are_rarely_called_different() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        first, second, same, people = models(rng, 0.0)
        found.append(tar_spread(first, second, same, 0.1, people, exchanges=99))
    values = np.array([each.p_value() for each in found])
    assert 4 <= np.count_nonzero(values <= 0.2) <= 22  # 12 are to be expected
    assert np.count_nonzero(values <= 0.02) <= 5
    for each in found:  # interval and p-value agree
        low, high = each.interval()
        assert (low <= 0 <= high) == (each.p_value() > 0.05) or 0.03 < each.p_value() < 0.07


def test_a_better_model_is_found_and_the_other_way_round_is_its_mirror() -> None:
    first, second, same, people = models(np.random.default_rng(1), 1.0)
    found, mirrored = (
        tar_spread(*each, same, 0.1, people, exchanges=199) for each in ((first, second), (second, first))
    )
    assert found.value > 0.1
    assert found.p_value() == 0.005
    assert found.interval()[0] > 0
    assert (mirrored.value, mirrored.p_value()) == (-found.value, found.p_value())
    again = tar_spread(first, second, same, 0.1, people, exchanges=199)
    assert again == found
