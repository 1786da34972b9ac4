"""PeopleSpread over people: against plain sums over pairs of pairs, weights against repeated pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskrec.metrics import roc, tar_at_far
from maskrec.metrics.paired_figures import tar_difference, weighted_tar
from maskrec.metrics.people_resamples import (
    DrawnWeights,
    PeopleOfPairs,
    PeopleSpread,
    measure_once,
    spread_of_mean,
    spread_over_people,
)
from maskrec.metrics.seed_differences import seed_difference
from maskrec.metrics.system_difference import compare_accuracy, compare_tar


def drawn_people(pairs: int, people: int, seed: int = 0) -> tuple[PeopleOfPairs, np.ndarray]:
    """Pairs of drawn people, half of them of one person."""
    rng = np.random.default_rng(seed)
    one, same = rng.integers(0, people, pairs), np.arange(pairs) % 2 == 0
    return PeopleOfPairs(one, np.where(same, one, (one + rng.integers(1, people, pairs)) % people)), same


@pytest.mark.parametrize("people", [3, 25])
def test_the_spread_of_a_mean_sums_over_all_pairs_that_share_a_person(people: int) -> None:
    pairs, _ = drawn_people(60, people)
    rng = np.random.default_rng(1)
    values = rng.normal(size=60) + rng.normal(size=people)[pairs.one] + rng.normal(size=people)[pairs.other]
    apart = values - values.mean()
    total = sum(
        apart[p] * apart[q]
        for p in range(60)
        for q in range(60)
        if {pairs.one[p], pairs.other[p]} & {pairs.one[q], pairs.other[q]}
    )
    found = spread_of_mean(values, pairs)
    assert found.value == pytest.approx(values.mean(), abs=1e-12)
    assert found.error == pytest.approx(np.sqrt(max(total, np.sum(apart**2))) / 60, abs=1e-12)


@pytest.mark.parametrize("of_people", [0.0, 0.7])
def test_resamples_spread_as_the_closed_form(of_people: float) -> None:
    pairs, _ = drawn_people(800, 90)
    rng = np.random.default_rng(2)
    person = of_people * rng.normal(size=90)
    values = rng.normal(size=800) + person[pairs.one] + person[pairs.other]

    def mean(drawn: DrawnWeights) -> np.ndarray:
        return (values @ drawn.rows) / drawn.total(np.ones(800, bool))

    found, expected = spread_over_people([mean], pairs)[0], spread_of_mean(values, pairs)
    assert found.value == pytest.approx(expected.value, abs=1e-6)
    assert found.error == pytest.approx(expected.error, rel=0.12)


def test_the_spread_is_that_of_new_people() -> None:
    values, errors = [], []
    for seed in range(200):
        pairs, _ = drawn_people(300, 60, seed)
        rng = np.random.default_rng([seed, 1])
        person = 0.5 * rng.normal(size=60)
        found = spread_of_mean(rng.normal(size=300) + person[pairs.one] + person[pairs.other], pairs)
        values.append(found.value)
        errors.append(found.error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.15)


@st.composite
def weighted_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances with ties, kinds and whole weights; some pair of each kind weighs something."""
    count = draw(st.integers(2, 25))
    same = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    same[:2] = [True, False]
    distances = draw(st.lists(st.integers(-4, 8), min_size=count, max_size=count))
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    weights[:2] = np.maximum(weights[:2], 1)
    return np.array(distances, float), same, weights


@given(weighted_pairs(), st.sampled_from([0.01, 0.07, 0.2, 0.29, 0.5, 0.9]))
def test_weighted_tar_is_that_of_repeated_pairs(drawn: tuple[np.ndarray, np.ndarray, np.ndarray], far: float) -> None:
    distances, same, weights = drawn
    again = np.repeat(np.arange(len(same)), weights)
    expected = tar_at_far(roc(distances[again][same[again]], distances[again][~same[again]]), far).tar
    columns = np.stack([weights, np.ones_like(weights), np.where(same, 1, 0)], axis=1).astype(np.float32)
    found = weighted_tar(distances, same, far)(DrawnWeights(columns))
    assert found[0] == pytest.approx(expected, abs=1e-12)
    assert found[1] == pytest.approx(tar_at_far(roc(distances[same], distances[~same]), far).tar, abs=1e-12)
    assert np.isnan(found[2])  # no pair of two people weighs anything


def test_equal_systems_do_not_differ_and_far_ones_do() -> None:
    pairs, same = drawn_people(600, 80)
    rng = np.random.default_rng(3)
    distances = np.where(same, rng.normal(0, 1, 600), rng.normal(3, 1, 600))
    worse = np.where(same, distances + rng.normal(1.2, 0.3, 600), distances)
    equal = compare_tar([distances], [distances], same, 0.05, pairs)
    assert (equal.value, equal.people, equal.p_value()) == (0.0, PeopleSpread(0.0, 0.0, 1.0), 1.0)
    found = compare_tar([distances], [worse], same, 0.05, pairs)
    plain = [tar_at_far(roc(each[same], each[~same]), 0.05).tar for each in (distances, worse)]
    assert (found.first, found.second) == ((plain[0],), (plain[1],))
    assert found.people.value == pytest.approx(plain[1] - plain[0])
    assert found.p_value() == 0.001  # not one of 999 exchanges is as far from 0
    assert found.interval()[1] < 0
    swapped = compare_tar([worse], [distances], same, 0.05, pairs)
    assert (swapped.value, swapped.people.error) == pytest.approx((-found.value, found.people.error))
    three = compare_tar([distances, distances], [worse, worse], same, 0.05, pairs)
    assert three.people.tested is None  # several models: the bootstrap
    assert three.people.error == pytest.approx(found.people.error, rel=0.6)
    right = [(each <= 1.5) == same for each in (distances, worse)]
    accuracy = compare_accuracy([right[0]], [right[1]], pairs)
    assert accuracy.value == pytest.approx(right[1].mean() - right[0].mean())
    assert accuracy.p_value() == max(accuracy.decisions.p_value(), accuracy.people.p_value())  # type: ignore[union-attr]
    assert compare_accuracy([right[0]], [right[0]], pairs).p_value() == 1.0
    several = measure_once(tar_difference([distances, worse], [worse, worse], same, 0.05), 600)
    assert several == pytest.approx((plain[1] - plain[0]) / 2)


def test_seeds_are_judged_by_welchs_test() -> None:
    # Student's sleep data; R's t.test gives t -1.8608 and 17.776 degrees of freedom, which are rounded down
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = seed_difference(first, second)
    assert (found.value, found.degrees) == (pytest.approx(1.58), 17)
    assert found.value / found.error == pytest.approx(1.8608, abs=1e-4)
    assert found.p_value() == pytest.approx(0.0801, abs=1e-4)
    assert found.interval() == pytest.approx((-0.2115, 3.3715), abs=1e-3)
    assert seed_difference([1.0, 1.0], [1.0, 1.0]).p_value() == 1.0
    with pytest.raises(ValueError, match="at least two trainings"):
        seed_difference([1.0], second)
    accurate = np.ones(100, bool)
    pairs, _ = drawn_people(100, 30)
    several = compare_accuracy([accurate, ~accurate], [accurate, accurate], pairs)
    assert several.seeds is not None
    assert several.comparable
    assert not compare_accuracy([accurate], [accurate, accurate], pairs).comparable


def test_the_smallest_difference_of_several_trainings_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(4)
    error = np.sqrt(2 / 5)
    smallest = seed_difference([-1, -0.5, 0, 0.5, 1], [-1, -0.5, 0, 0.5, 1])
    scale = error / smallest.error
    shift = scale * smallest.smallest_found(0.05)
    found = [
        seed_difference(list(one), list(other + shift)).p_value() <= 0.05
        for one, other in zip(rng.normal(size=(600, 5)), rng.normal(size=(600, 5)), strict=True)
    ]
    assert 0.74 <= np.mean(found) <= 0.88
