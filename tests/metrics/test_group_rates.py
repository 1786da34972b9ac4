"""Errors by groups of people: counts against plain loops, and whether a bound holds what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from maskrec.metrics.all_comparisons import compare_all
from maskrec.metrics.comparison_tiles import sorted_images
from maskrec.metrics.errors_of_people import comparison_errors, search_errors
from maskrec.metrics.group_rates import PersonErrors, group_ratios
from maskrec.metrics.people_intervals import people_interval
from maskrec.metrics.searches import others_within, search_all

RNG = np.random.default_rng(0)
PEOPLE = RNG.integers(0, 8, 90)
MASKED = RNG.random(90) < 0.5
ROWS = RNG.normal(size=(8, 4))[PEOPLE] + RNG.normal(size=(90, 4))
UNIT = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
NAMES = tuple("abcdefgh")
CHOSEN = np.arange(8) % 3 == 0


@pytest.mark.parametrize("condition", [0, 1, 2])
def test_errors_of_comparisons_by_person(condition: int) -> None:
    compared = compare_all(sorted_images(ROWS, PEOPLE, MASKED, np.arange(90)), condition, 0.2)
    threshold = compared.decided(0.2)[1]
    assert threshold is not None
    errors = comparison_errors("x", NAMES, compared, threshold)
    counts = {"within": [0, 0], "involving": [0, 0], "all": [0, 0]}
    hits, mated, false = np.zeros(8, int), np.zeros(8, int), np.zeros(8, int)
    for i in range(90):
        for j in range(i):
            if int(MASKED[i]) + int(MASKED[j]) != condition:
                continue
            accepted = bool(((UNIT[i] - UNIT[j]) ** 2).sum() <= threshold)
            one, other = PEOPLE[i], PEOPLE[j]
            if one == other:
                hits[one] += accepted
                mated[one] += 1
                continue
            for name, counted in (
                ("within", CHOSEN[one] and CHOSEN[other]),
                ("involving", CHOSEN[one] or CHOSEN[other]),
                ("all", True),
            ):
                counts[name][0] += accepted and counted
                counts[name][1] += int(counted)
            if CHOSEN[one] and CHOSEN[other]:
                false[[one, other]] += accepted
    within = errors.among(CHOSEN)
    assert [within.events, within.trials] == counts["within"]
    assert within.false.tolist() == false[CHOSEN].tolist()
    assert list(errors.involving(CHOSEN)) == counts["involving"]
    assert errors.rate == counts["all"][0] / counts["all"][1]
    assert (errors.hits.tolist(), errors.mated.tolist()) == (hits.tolist(), mated.tolist())


def test_errors_of_searches_by_person() -> None:
    gallery, probes = np.arange(90) < 30, np.arange(90) >= 30
    searches = search_all(ROWS[gallery], PEOPLE[gallery], ROWS[probes], PEOPLE[probes])
    false = others_within(ROWS[gallery], PEOPLE[gallery], ROWS[probes], PEOPLE[probes], 0.4)
    errors = search_errors("x", NAMES, searches, PEOPLE[gallery], false, 0.4)
    events = trials = 0
    for probe in np.flatnonzero(probes):
        for person in set(PEOPLE[gallery]) - {PEOPLE[probe]}:
            if CHOSEN[person] and CHOSEN[PEOPLE[probe]]:
                nearest = ((UNIT[gallery][PEOPLE[gallery] == person] - UNIT[probe]) ** 2).sum(axis=1).min()
                events += nearest <= 0.4
                trials += 1
    found = errors.among(CHOSEN)
    assert (found.events, found.trials) == (events, trials)
    assert events > 5
    assert errors.hits.sum() == np.count_nonzero(searches.identified(0.4))


def drawn(people: int, rate: float, rng: np.random.Generator, uneven: float = 0.0, each: int = 25) -> PersonErrors:
    """A group in which people differ by a factor of ``exp(uneven)`` in how easily they are taken for others."""
    ease = np.exp(uneven * rng.normal(size=people) - uneven**2 / 2)
    false = np.triu(rng.poisson(rate * each * np.outer(ease, ease)), 1)
    return PersonErrors((false + false.T).sum(axis=1), np.full(people, (people - 1.0) * each))


@pytest.mark.parametrize("uneven", [0.0, 0.6])
def test_the_variance_is_that_of_many_draws(uneven: float) -> None:
    rng = np.random.default_rng(1)
    draws = [drawn(80, 2e-3, rng, uneven) for _ in range(300)]
    truth = float(np.var(np.log([each.rate for each in draws])))
    stated = float(np.mean([each.relative_variance() for each in draws]))
    assert 0.8 * truth < stated < 1.4 * truth  # rather too wide than too narrow: chance alone is its least


def test_a_worse_group_is_found_and_equal_ones_are_not() -> None:
    rng = np.random.default_rng(2)
    found, blamed = 0, 0
    for _ in range(100):
        groups = [drawn(100, 3e-3, rng, 0.3), *(drawn(100, 1e-3, rng, 0.3) for _ in range(3))]
        worse, *others = group_ratios(groups, 1.5e-3)
        found += worse.above(1.5)
        equal = group_ratios([drawn(100, 1e-3, rng, 0.3) for _ in range(4)], 1e-3)
        blamed += any(each.above(1.0) for each in equal)
        assert worse.low is not None
        assert worse.ratio is not None
        assert worse.high is not None
        assert worse.low < worse.ratio < worse.high
        assert worse.rate_low < worse.rate < worse.rate_high
        assert not any(each.above(1.5) for each in others)
    assert found >= 90
    assert blamed <= 12  # of 100 at a risk of 5 %: more by chance once in a thousand times


def test_groups_with_few_expected_events_are_unknown() -> None:
    rng = np.random.default_rng(3)
    groups = [drawn(100, 1e-3, rng), drawn(100, 1e-3, rng), drawn(15, 0.5, rng)]
    known = group_ratios(groups, 1e-3)
    assert [each.known for each in known] == [True, True, False]
    assert known[2].expected == pytest.approx(1e-3 * 15 * 14 / 2 * 25)
    assert (known[2].ratio, known[2].low, known[2].above(1.5)) == (None, None, False)
    assert known[0].ratio == pytest.approx(known[0].rate / known[1].rate)  # the unknown one is no measure
    assert group_ratios(groups[1:], 1e-3)[0].ratio is None  # nobody to compare with


def test_groups_without_false_accepts() -> None:
    none = PersonErrors(np.zeros(50, np.int64), np.full(50, 49.0 * 25))
    some = drawn(50, 1e-2, np.random.default_rng(4))
    found = group_ratios([none, some], 1e-3)
    assert found[0].ratio == 0.0
    assert found[0].rate == 0.0
    assert found[0].rate_high > 0
    assert not found[0].above(1.0)
    assert found[1].ratio is not None
    assert math.isfinite(found[1].ratio)
    empty = PersonErrors(np.zeros(0, np.int64), np.zeros(0))
    assert (empty.rate, empty.trials) == (0.0, 0.0)
    assert not group_ratios([empty, some], 1e-3)[0].known


def test_people_are_resampled_and_not_their_trials() -> None:
    alike = people_interval(np.full(200, 5), np.full(200, 10))
    apart = people_interval(np.repeat([0, 10], 100), np.full(200, 10))
    assert alike == pytest.approx((0.478, 0.522), abs=0.003)  # Wilson's, of 2,000 trials
    half = 1.96 * math.sqrt(0.25 / 200)  # of 200 people
    assert apart == pytest.approx((0.5 - half, 0.5 + half), abs=0.01)
    low, high = people_interval(np.zeros(9, np.int64), np.full(9, 3))
    assert low == 0
    assert 0.05 < high < 0.2
    assert people_interval(np.full(200, 5), np.full(200, 10)) == alike
    with pytest.raises(ValueError, match="give no share"):
        people_interval(np.zeros(2, np.int64), np.zeros(2, np.int64))
