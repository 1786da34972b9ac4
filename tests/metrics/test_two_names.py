"""People under two names are found, and others are not."""

from __future__ import annotations

import numpy as np
from compared_people import People, all_comparisons, some_people

from maskrec.metrics import people_under_two_names
from maskrec.metrics.distance_counts import count_distances
from maskrec.metrics.two_names import TwoNames


def found(given: People) -> list[TwoNames]:
    return people_under_two_names(*given, count_distances(*given))


def split(given: People, person: int, new: int) -> People:
    """Half of a person's photos under another number."""
    photos = np.unique(given.photos[given.people == person])
    renamed = given.people.copy()
    renamed[np.isin(given.photos, photos[::2])] = new
    return given._replace(people=renamed)


def test_a_person_under_two_names_is_listed_alone() -> None:
    given = some_people(30, 6, seed=1, size=32)
    assert found(given) == []
    (one,) = found(split(given, person=5, new=999))
    assert (one.first, one.second) == (5, 999)
    assert one.comparisons == 9  # three bare photos under each name
    assert 2 * one.near >= one.comparisons


def test_most_people_under_two_names_are_found() -> None:
    given = some_people(20, 6, seed=2, size=32)
    people = np.unique(given.people).tolist()
    listed = [[(one.first, one.second) for one in found(split(given, person, new=999))] for person in people]
    assert sum(pairs == [(person, 999)] for pairs, person in zip(listed, people, strict=True)) >= 18
    assert all(set(pairs) <= {(person, 999)} for pairs, person in zip(listed, people, strict=True))


def test_what_is_said_of_the_two_equals_the_loops() -> None:
    given = split(some_people(20, 6, seed=5, size=32), person=8, new=-4)
    (one,) = found(given)
    bare = [c for c in all_comparisons(given) if c.condition == 0]
    usual = np.quantile([c.distance for c in bare if c.first == c.second], 0.9)
    theirs = [c.distance for c in bare if {c.first, c.second} == {one.first, one.second}]
    assert {one.first, one.second} == {8, -4}
    assert (one.comparisons, one.near) == (len(theirs), sum(distance <= usual for distance in theirs))
    assert abs(one.distance - min(theirs)) < 1e-9
    left, right = one.images
    assert (given.people[left], given.people[right]) == (one.first, one.second)
    assert not given.masked[[left, right]].any()


def test_the_nearest_come_first() -> None:
    given = some_people(30, 6, seed=3, size=32)
    for number, person in enumerate((5, 11, 17)):
        given = split(given, person, new=900 + number)
    several = found(given)
    assert {(one.first, one.second) for one in several} == {(5, 900), (11, 901), (17, 902)}
    assert [one.distance for one in several] == sorted(one.distance for one in several)


def test_masked_photos_alone_are_compared_too() -> None:
    given = split(some_people(20, 6, seed=4, size=32), person=5, new=999)
    masked = People(*(column[given.masked] for column in given))
    (one,) = found(masked)
    assert (one.first, one.second, one.comparisons) == (5, 999, 9)


def test_without_genuine_comparisons_nothing_is_usual() -> None:
    given = some_people(20, 1, seed=5)
    assert found(People(*(column[~given.masked] for column in given))) == []


def test_one_bare_and_one_masked_photo_each() -> None:
    """Then bare photos have no genuine comparison, and the pairs with one mask are looked at."""
    given = some_people(30, 2, seed=6, size=32)
    number = np.arange(len(given.photos))
    kept = np.array([given.masked[i] == (given.photos[i] % 2 == 1) for i in number])
    given = People(*(column[kept] for column in given))
    twice = given.people.copy()
    person = given.people == 5
    twice[np.flatnonzero(person & given.masked)] = 999
    extra = np.flatnonzero(person)
    rows = np.concatenate([given.embeddings, given.embeddings[extra]])
    people = np.concatenate([twice, np.where(given.masked[extra], 5, 999)])
    photos = np.concatenate([given.photos, given.photos[extra] + 10_000])
    (one,) = found(People(rows, people, np.concatenate([given.masked, given.masked[extra]]), photos))
    assert (one.first, one.second, one.comparisons) == (5, 999, 2)


def test_a_network_that_tells_nobody_apart_lists_no_crowd() -> None:
    rng = np.random.default_rng(7)
    people = np.repeat(np.arange(300), 2)
    given = People(rng.standard_normal((600, 4)), people, np.zeros(600, bool), np.arange(600))
    crowd = found(given)
    assert sum(one.near for one in crowd) <= 100_000
