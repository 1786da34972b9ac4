"""Pairs scored under their conditions: by the measured ratio, the most cautious one where the condition is open."""

from __future__ import annotations

import numpy as np
import pytest
from compared_people import all_comparisons, people_risk, some_people
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.conditions import CONDITIONS
from maskrec.inference.galleries.pair_scoring import (
    POSSIBLE,
    log_odds,
    mask_number,
    pair_conditions,
    place_among_strangers,
    ranked,
    worded_conditions,
)
from maskrec.metrics import NotEnoughPeopleError, Risk, count_risk
from maskrec.metrics.distance_counts import BIN_WIDTH

PEOPLE = some_people(14, 3, 5)


@pytest.fixture(scope="module")
def risk() -> Risk:
    return count_risk(*PEOPLE)


def possible(one: int, other: int) -> set[str]:
    """The conditions of a pair, counted out: each unknown face may be bare or masked."""
    states = [(0, 1) if state == -1 else (state,) for state in (one, other)]
    return {CONDITIONS[first + second] for first in states[0] for second in states[1]}


def test_the_conditions_of_a_pair_are_all_that_its_faces_allow() -> None:
    for one in (-1, 0, 1):
        for other in (-1, 0, 1):
            assert set(POSSIBLE[int(pair_conditions(one, other))]) == possible(one, other)
        assert pair_conditions(one, None) == pair_conditions(one, -1)
    assert pair_conditions([0, 1, -1], True).tolist() == [1, 2, 4]
    assert [mask_number(each) for each in (True, False, None)] == [1, 0, -1]
    assert worded_conditions(4) == "one_masked or both_masked"
    with pytest.raises(ValueError, match="a mask state must be 1"):
        pair_conditions([0, 2], 0)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5)), max_size=8))
def test_the_odds_are_the_smallest_that_the_conditions_allow(risk: Risk, pairs: list[tuple[float, int]]) -> None:
    found = log_odds([distance for distance, _ in pairs], [number for _, number in pairs], risk)
    for odds, (distance, number) in zip(found, pairs, strict=True):
        assert odds == min(float(risk.log_likelihood_ratio(name, distance)) for name in POSSIBLE[number])


def test_the_place_among_strangers_is_the_share_of_them_that_are_nearer(risk: Risk) -> None:
    strangers = [each for each in all_comparisons(PEOPLE) if each.first != each.second]
    edges = np.arange(0, 2, 37 * BIN_WIDTH)
    for number, name in enumerate(CONDITIONS):
        apart = np.array([each.distance for each in strangers if each.condition == number])
        found = place_among_strangers(edges, np.full(len(edges), number), risk)
        shares = (apart[:, None] <= edges).mean(axis=0)
        met = np.array([((apart > edge - BIN_WIDTH) & (apart <= edge)).any() for edge in edges])
        assert np.allclose(found[met], shares[met], rtol=0, atol=1e-12)  # at right edges of bins with comparisons
        inside = (shares > 0) & (shares < 1)
        assert (np.abs(found - shares)[inside] <= 2.1 / len(apart) + np.diff(shares, prepend=0).max()).all(), name
        assert (found[shares == 0] <= 0).all()


@settings(max_examples=40)
@given(st.integers(0, 5), st.lists(st.floats(0, 2), min_size=2, max_size=6))
def test_a_larger_distance_is_never_further_up(risk: Risk, number: int, distances: list[float]) -> None:
    distances.sort()
    conditions = [number] * len(distances)
    assert (np.diff(log_odds(distances, conditions, risk)) <= 0).all()
    assert (np.diff(place_among_strangers(distances, conditions, risk)) >= 0).all()
    order, _ = ranked(distances, conditions, risk)
    assert [distances[place] for place in order] == distances


def test_pairs_are_ranked_by_odds_and_not_by_distance(risk: Risk) -> None:
    """A pair of two masked faces that is nearer than one of two bare faces may still say less."""
    apart = np.arange(0.3, 1.5, 0.01)
    bare, masked = risk.log_likelihood_ratio("bare", apart + 0.01), risk.log_likelihood_ratio("both_masked", apart)
    distance = float(apart[np.argmax(bare - masked)])
    assert (bare - masked).max() > 0
    order, found = ranked([distance, distance + 0.01], [2, 0], risk)
    assert order.tolist() == [1, 0]
    assert found.tolist() == [masked[np.argmax(bare - masked)], bare[np.argmax(bare - masked)]]


def test_equal_odds_are_ordered_within_each_condition_and_across_by_the_place(risk: Risk) -> None:
    distances, conditions = np.array([0.2, 0.1, 0.05, 0.15]), np.array([0, 0, 2, 2])
    odds = log_odds(distances, conditions, risk)
    assert odds[0] == odds[1]
    assert odds[2] == odds[3]
    order, _ = ranked(distances, conditions, risk)
    assert [place for place in order if place < 2] == [1, 0]
    assert [place for place in order if place >= 2] == [2, 3]
    alike = np.zeros(4)  # were all odds equal, the places would decide
    places = place_among_strangers(distances, conditions, risk)
    assert np.lexsort([places, alike]).tolist() == np.argsort(places).tolist()


def test_a_condition_that_was_not_measured_and_too_few_people_are_refused() -> None:
    bare = people_risk(30)
    assert log_odds([1.0], [0], bare).shape == (1,)
    for number in (1, 3, 5):
        with pytest.raises(ValueError, match="one-masked images of two people were compared"):
            log_odds([1.0], [number], bare)
        with pytest.raises(ValueError, match="images of two people were compared"):
            place_among_strangers([1.0], [number], bare)
    with pytest.raises(NotEnoughPeopleError):
        log_odds([1.0], [0], people_risk(30, photos=1))
