"""Searches in a gallery: against searches one by one, and who is enrolled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.metrics.enrolment import Wearing, enrol
from maskrec.metrics.searches import others_within, search_all


def drawn(seed: int, gallery: int, probes: int, people: int, equal: bool) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(gallery + probes, 5))
    if equal:
        rows = np.sign(rows)
    who = rng.integers(0, people, gallery + probes)
    who[:2] = 0, 1
    return rows[:gallery], who[:gallery], rows[gallery:], who[gallery:]


def squared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other))
    return ((one[:, None] - other) ** 2).sum(axis=2)  # type: ignore[no-any-return]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    gallery=st.integers(2, 20),
    probes=st.integers(0, 12),
    people=st.integers(2, 8),
    equal=st.booleans(),
)
def test_each_search_is_that_of_a_plain_one(seed: int, gallery: int, probes: int, people: int, equal: bool) -> None:
    rows, who, asked, whom = drawn(seed, gallery, probes, people, equal)
    found = search_all(rows, who, asked, whom, at_once=5)
    assert found.enrolled == len(set(who.tolist()))
    distances = squared(asked, rows)
    for number, person in enumerate(whom.tolist()):
        nearest = {each: distances[number][who == each].min() for each in set(who.tolist())}
        others = {each: distance for each, distance in nearest.items() if each != person}
        assert found.other[number] == pytest.approx(min(others.values()), abs=1e-9)
        assert others[found.found[number]] == pytest.approx(min(others.values()), abs=1e-9)
        if person in nearest:
            nearer = [each for each in others.values() if each <= nearest[person] + 1e-10]
            assert found.rank[number] == 1 + len(nearer)
            assert found.mate[number] == pytest.approx(nearest[person], abs=1e-9)
        else:
            assert (found.rank[number], found.mate[number]) == (0, np.inf)


def test_at_the_threshold_of_a_rate_no_more_strangers_find_somebody() -> None:
    rows, who, asked, whom = drawn(1, 30, 200, 25, equal=False)
    found = search_all(rows, who, asked, whom)
    for fpir in (0.5, 0.1, 0.01):
        threshold = found.threshold_at(fpir)
        assert threshold is not None
        accepted = int(np.count_nonzero(found.other <= threshold))
        assert accepted == int(fpir * 200)
    assert found.threshold_at(0.001) is None  # a single one of 200 is more
    identified = found.identified(1.0)
    assert identified.tolist() == [r == 1 and m <= 1.0 for r, m in zip(found.rank, found.mate, strict=True)]
    assert found.hits_within(3).sum() == np.count_nonzero((found.rank > 0) & (found.rank <= 3))


def test_strangers_as_near_as_each_other_are_accepted_together() -> None:
    rows, who = np.eye(2), np.arange(2)
    found = search_all(rows, who, np.ones((4, 2)), np.array([5, 6, 7, 8]))
    assert found.threshold_at(0.5) is None
    assert not found.mated.any()


def test_everybody_within_a_distance_is_found() -> None:
    rows, who, asked, whom = drawn(3, 30, 40, 12, equal=False)
    one, other = others_within(rows, who, asked, whom, 0.8, at_once=7)
    distances, expected = squared(asked, rows), []
    for number, person in enumerate(whom.tolist()):
        expected += [
            (person, each)
            for each in sorted(set(who.tolist()))
            if each != person and distances[number][who == each].min() <= 0.8
        ]
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == expected
    assert len(expected) > 20


def test_a_gallery_of_one_person_is_refused() -> None:
    with pytest.raises(ValueError, match="a gallery of at least two people, not 1"):
        search_all(np.eye(2), np.zeros(2, np.int64), np.eye(2), np.arange(2))


PEOPLE = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3, 3])
PHOTOS = np.array([4, 3, 3, 2, 5, 6, 7, 8, 9, 9])
MASKED = np.array([0, 0, 1, 1, 0, 0, 1, 0, 0, 1], bool)


@pytest.mark.parametrize(
    ("gallery", "probes", "most", "enrolled", "searched"),
    [
        ("bare", "both", 1, [1, 5, 7, 8], [0, 3, 4, 6]),
        ("bare", "both", 2, [0, 1, 5, 7, 8], [3, 4, 6]),
        ("bare", "bare", 2, [0, 1, 5, 7, 8], [4]),
        ("bare", "bare", 9, [0, 1, 5, 7, 8], [4]),
        ("masked", "bare", 9, [2, 3, 6, 9], [0, 4, 5, 7]),
        ("both", "masked", 1, [3, 5, 7, 8, 9], [2, 6]),
    ],
)
def test_the_first_photos_are_enrolled_and_the_others_searched_with(
    gallery: Wearing, probes: Wearing, most: int, enrolled: list[int], searched: list[int]
) -> None:
    found = enrol(PEOPLE, PHOTOS, MASKED, gallery, probes, most)
    assert (found.enrolled.tolist(), found.probes.tolist()) == (enrolled, searched)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    images=st.integers(0, 30),
    gallery=st.sampled_from(["bare", "masked", "both"]),
    probes=st.sampled_from(["bare", "masked", "both"]),
    most=st.integers(1, 4),
)
def test_no_photo_is_on_both_sides(seed: int, images: int, gallery: Wearing, probes: Wearing, most: int) -> None:
    rng = np.random.default_rng(seed)
    people, masked = rng.integers(0, 5, images), rng.random(images) < 0.5
    photos = people * 10 + rng.integers(0, 4, images)
    found = enrol(people, photos, masked, gallery, probes, most)
    assert not set(photos[found.enrolled]) & set(photos[found.probes])
    for person in range(5):
        mine = found.enrolled[people[found.enrolled] == person]
        assert len(set(photos[mine])) <= most
        able = {"bare": ~masked, "masked": masked, "both": np.ones(images, bool)}[gallery] & (people == person)
        assert (len(mine) > 0) == bool(able.any())


def test_at_least_one_photo_is_enrolled() -> None:
    with pytest.raises(ValueError, match="at least one photo of a person is enrolled, not 0"):
        enrol(PEOPLE, PHOTOS, MASKED, "bare", "both", 0)
