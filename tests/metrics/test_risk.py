"""Thresholds with their risk and calibrated probabilities, against plain loops over all comparisons."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from compared_people import People, all_comparisons, some_people

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics import NotEnoughPeopleError, Risk, count_risk, roc, tar_at_far
from maskrec.metrics.distance_counts import BIN_WIDTH, DistanceCounts

EVERYONE = some_people(40, 3, seed=1)
COMPARISONS = all_comparisons(EVERYONE)


@pytest.fixture(scope="module")
def risk() -> Risk:
    return count_risk(*EVERYONE)


def distances(condition: str, same: bool) -> list[float]:
    number = CONDITIONS.index(condition)
    return sorted(c.distance for c in COMPARISONS if c.condition == number and (c.first == c.second) == same)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("far", [0.3, 0.02, 0.004])
def test_the_threshold_is_the_largest_that_keeps_the_rate(risk: Risk, condition: str, far: float) -> None:
    impostors = distances(condition, False)
    found = risk.threshold(condition, far)
    accepted = sum(distance <= found.value for distance in impostors)
    assert found.far == accepted / len(impostors) <= far
    # one more would be too many, but for those in the bin that follows
    after = found.value + 2 * BIN_WIDTH if found.value % BIN_WIDTH == 0 else math.inf
    exact = tar_at_far(roc(distances(condition, True), impostors), far).threshold
    assert exact is not None
    assert found.value <= exact + BIN_WIDTH < after + BIN_WIDTH
    assert exact - found.value < 2 * BIN_WIDTH
    assert found.people == 40
    assert found.comparisons == len(impostors)
    assert 0 < found.low < found.far < found.high <= 1
    assert found.high / found.far == pytest.approx(found.far / found.low)


def test_no_distance_is_near_a_threshold_in_a_gap() -> None:
    """Impostors at about 0.77 and 2; the threshold between them is not decided by rounding."""
    angles = np.arange(60) * 2 * np.pi / 60
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = count_risk(rows, np.arange(60), np.zeros(60, bool), np.arange(60)).threshold("bare", 0.05)
    every = np.unique(np.round(2 * np.sin(np.arange(1, 31) * np.pi / 60), 9))
    below, over = every[every <= found.value].max(), every[every > found.value].min()
    assert found.value == pytest.approx((below + over) / 2, abs=2 * BIN_WIDTH)
    assert found.far == 1 / 59 * 2  # two neighbours of 59, at one distance


def test_rates_at_a_threshold_equal_the_loops(risk: Risk) -> None:
    for condition in CONDITIONS:
        for threshold in (0, 700 * BIN_WIDTH, 1.0, 2.0, 3.0):
            for rate, same in ((risk.far, False), (risk.tar, True)):
                every = distances(condition, same)
                assert rate(condition, threshold) == sum(distance <= threshold for distance in every) / len(every)
    with pytest.raises(ValueError, match="not a number"):
        risk.far("bare", math.nan)


def test_a_threshold_for_a_gallery(risk: Risk) -> None:
    for fpir, size in [(0.5, 1), (0.2, 10), (0.9, 300)]:
        found = risk.threshold_for_gallery("bare", fpir, size)
        far = 1 - (1 - fpir) ** (1 / size)
        assert found == risk.threshold("bare", far)
        assert 1 - (1 - found.far) ** size <= fpir + 1e-12
    with pytest.raises(NotEnoughPeopleError):
        risk.threshold_for_gallery("bare", 0.01, 1000)
    with pytest.raises(ValueError, match="inside"):
        risk.threshold_for_gallery("bare", 1.0, 10)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        risk.threshold_for_gallery("bare", 0.1, 0)


def test_what_the_data_does_not_carry_is_refused_with_the_people_needed(risk: Risk) -> None:
    comparisons = len(distances("bare", False))
    risk.threshold("bare", 10 / comparisons)
    with pytest.raises(NotEnoughPeopleError, match="evaluate about 80 people, or choose a FAR of at least") as caught:
        risk.threshold("bare", 2.5 / comparisons)
    assert caught.value.needed == 80  # twice as many people give four times as many comparisons
    assert "\n" not in str(caught.value)


def test_too_few_people_are_refused() -> None:
    few = count_risk(*some_people(12, 6, seed=2))
    with pytest.raises(NotEnoughPeopleError, match="too few of 12 people") as caught:
        few.threshold("bare", 0.1)
    assert caught.value.needed >= 20


def test_one_person_who_is_taken_for_everybody_says_nothing_of_others() -> None:
    """An average face: nearer to everybody than they are to each other."""
    given = some_people(40, 3, seed=3, size=64)
    rows = given.embeddings / np.linalg.norm(given.embeddings, axis=1, keepdims=True)
    rows[:, 0] += np.where(given.people == given.people[0], 5.0, 1.0)
    with pytest.raises(NotEnoughPeopleError, match=r"as if from [1-9]\.\d"):
        count_risk(rows, *given[1:]).threshold("bare", 0.02)


def test_distances_that_are_too_coarse_are_refused() -> None:
    people = np.arange(30)
    with pytest.raises(ValueError, match="the FAR rises from 0 to 1 at once; choose a FAR of at least that"):
        count_risk(np.eye(30), people, np.zeros(30, bool), people).threshold("bare", 0.5)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_probabilities_fall_with_the_distance(risk: Risk, condition: str) -> None:
    every = [risk.probability(condition, distance) for distance in np.linspace(0, 2.5, 200)]
    assert all(near >= far for near, far in pairwise(every))
    assert 0 < every[-1] < 0.1 < 0.95 < every[0] < 1


def test_probabilities_are_calibrated(risk: Risk) -> None:
    """Of the comparisons given about p, a share of about p are of one person, both kinds counting half."""
    same, different = (np.array(distances("one_masked", kind)) for kind in (True, False))
    of_same, of_different = (risk.log_likelihood_ratio("one_masked", kind) for kind in (same, different))
    edges = np.quantile(of_same, [0, 0.2, 0.4, 0.6, 0.8])
    for low, high in pairwise([*edges, math.inf]):
        mine = np.mean((of_same >= low) & (of_same < high))
        theirs = np.mean((of_different >= low) & (of_different < high))
        if theirs * len(different) >= 10:
            inside = of_same[(of_same >= low) & (of_same < high)]
            assert inside.min() - 0.5 <= math.log(mine / theirs) <= inside.max() + 0.5


def test_the_prior_moves_the_odds(risk: Risk) -> None:
    even = risk.probability("bare", 0.9)
    rare = risk.probability("bare", 0.9, prior=0.01)
    assert rare / (1 - rare) == pytest.approx(even / (1 - even) / 99)
    assert risk.probability("bare", 0.9, prior=0.5) == even
    assert risk.probability("bare", 2.0, prior=1e-300) == pytest.approx(0)
    ratio = risk.log_likelihood_ratio("bare", 0.9)
    assert even == pytest.approx(1 / (1 + math.exp(-ratio)))


def test_wrong_questions_are_one_sentence(risk: Risk) -> None:
    for far in (0.0, 1.0, math.nan, -1):
        with pytest.raises(ValueError, match=r"must be inside \(0, 1\)"):
            risk.threshold("bare", far)
    for prior in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="prior must be inside"):
            risk.probability("bare", 1.0, prior)
    for distance in (-0.1, math.nan):
        with pytest.raises(ValueError, match="distances must be at least 0"):
            risk.probability("bare", distance)
    with pytest.raises(ValueError, match="unknown condition 'masked'; use bare, one_masked, both_masked"):
        risk.has("masked")


def test_a_condition_that_was_not_measured() -> None:
    bare = ~EVERYONE.masked
    risk = count_risk(*(column[bare] for column in EVERYONE))
    assert [risk.has(condition) for condition in CONDITIONS] == [True, False, False]
    assert risk.people == 40
    for call in (
        lambda: risk.threshold("one_masked", 0.1),
        lambda: risk.probability("one_masked", 1.0),
        lambda: risk.far("one_masked", 1.0),
    ):
        with pytest.raises(ValueError, match="no one-masked images of two people were compared"):
            call()
    assert risk.threshold("bare", 0.1) == count_risk(*EVERYONE).threshold("bare", 0.1)


def test_people_who_lack_a_condition_are_not_counted_in_it() -> None:
    given = some_people(50, 2, seed=4)
    kept = ~given.masked | (given.people < 3 * 30 + 5)
    risk = count_risk(*(column[kept] for column in given))
    assert [risk.threshold(condition, 0.1).people for condition in CONDITIONS] == [50, 50, 30]


def test_one_photo_a_person_gives_thresholds_and_no_probability() -> None:
    given = some_people(60, 1, seed=5)
    bare = ~given.masked
    risk = count_risk(*(column[bare] for column in given))
    risk.threshold("bare", 0.1)
    with pytest.raises(NotEnoughPeopleError, match="ten comparisons of bare images of one person, and 0 were counted"):
        risk.probability("bare", 1.0)
    with pytest.raises(ValueError, match="no two bare images of one person"):
        risk.tar("bare", 1.0)


def test_asking_twice_gives_the_same(risk: Risk) -> None:
    fresh = Risk(DistanceCounts(*(getattr(risk.counts, name) for name in DistanceCounts.__slots__)))
    for condition in CONDITIONS:
        assert fresh.threshold(condition, 0.05) == risk.threshold(condition, 0.05) == fresh.threshold(condition, 0.05)


def test_images_must_be_given_in_columns_of_equal_length() -> None:
    with pytest.raises(ValueError, match="people must be 240 whole numbers"):
        count_risk(*People(EVERYONE.embeddings, EVERYONE.people[1:], EVERYONE.masked, EVERYONE.photos))
