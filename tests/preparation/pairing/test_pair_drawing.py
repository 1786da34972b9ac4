"""Pairs against brute force: all that are possible and no others, each once, balanced."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.preparation.pairing.pair_sampling import (
    Sides,
    different_pairs,
    different_room,
    same_pairs,
    same_room,
)
from maskrec.preparation.pairing.seeded_order import SeededOrder, fill_evenly
from maskrec.preparation.pairing.splits import Image, Person, Photo, split_people
from maskrec.preparation.sources.face_list import FaceRow

CONDITIONS = ("bare", "one_masked", "both_masked")
Crowd = list[list[tuple[int, int]]]
CROWDS = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=4), min_size=1, max_size=6
)


def people_of(crowd: Crowd) -> list[Person]:
    """People by how many bare and masked images each of their photos has."""
    people = []
    for number, counts in enumerate(crowd):
        photos = []
        for place, (bare, masked) in enumerate(counts):
            name = f"{number}/{place}"
            photo = Photo(name)
            for kind, images, count in ((False, photo.bare, bare), (True, photo.masked, masked)):
                for index in range(count):
                    path = f"{name}/{kind:d}{index}"
                    images.append(Image(FaceRow(path, path, f"person {number}", name, kind, "", ()), name))
            photos.append(photo)
        people.append(Person(number, f"person {number}", photos))
    return people


def everything(people: list[Person], condition: str, kind: str) -> set[frozenset[str]]:
    """All pairs of a kind (``two`` photos of one person, ``one`` photo, ``different`` people), by looking at each."""
    images = [image for person in people for photo in person.photos for image in [*photo.bare, *photo.masked]]
    found = set()
    for one, other in combinations(images, 2):
        if one.face.masked + other.face.masked != CONDITIONS.index(condition):
            continue
        same = one.face.identity == other.face.identity
        is_kind = "different" if not same else "one" if one.photo == other.photo else "two"
        if is_kind == kind:
            found.add(frozenset((one.face.path, other.face.path)))
    return found


def paths(pairs: list[tuple[Image, Image]]) -> list[frozenset[str]]:
    return [frozenset((left.face.path, right.face.path)) for left, right in pairs]


@settings(deadline=None, max_examples=60)
@given(CROWDS, st.sampled_from(CONDITIONS), st.sampled_from(["one", "two"]), st.floats(0, 1), st.integers(0, 99))
def test_same_pairs_are_distinct_of_their_kind_and_even(
    crowd: Crowd, condition: str, kind: str, part: float, seed: int
) -> None:
    people, sides = people_of(crowd), Sides(condition)  # type: ignore[arg-type]
    room = same_room(people, sides, kind == "one")
    possible = everything(people, condition, kind)
    assert room.sum() == len(possible)
    wanted = round(part * len(possible))
    drawn = same_pairs(people, sides, kind == "one", wanted, seed)
    assert len(drawn) == len(set(paths(drawn))) == wanted
    assert set(paths(drawn)) <= possible
    counts = Counter(left.face.identity for left, _ in drawn)
    for person, capacity in zip(people, room, strict=True):
        for other in people:
            if counts[person.identity] + 1 < counts[other.identity]:
                assert counts[person.identity] == capacity
    if condition == "one_masked":
        assert all(not left.face.masked and right.face.masked for left, right in drawn)


@settings(deadline=None, max_examples=60)
@given(CROWDS, st.sampled_from(CONDITIONS), st.floats(0, 1), st.integers(0, 99))
def test_different_pairs_are_distinct_and_of_two_people(crowd: Crowd, condition: str, part: float, seed: int) -> None:
    people, sides = people_of(crowd), Sides(condition)  # type: ignore[arg-type]
    possible = everything(people, condition, "different")
    assert different_room(people, sides) == len(possible)
    wanted = round(part * len(possible))
    drawn = different_pairs(people, sides, wanted, seed)
    assert len(drawn) == len(set(paths(drawn))) == wanted
    assert set(paths(drawn)) <= possible
    if condition == "one_masked":
        assert all(not left.face.masked and right.face.masked for left, right in drawn)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 25), st.integers(1, 3), st.floats(0, 1), st.integers(0, 99))
def test_every_person_occurs_equally_often_in_different_pairs(count: int, photos: int, part: float, seed: int) -> None:
    people, sides = people_of([[(1, 0)] * photos] * count), Sides("bare")
    wanted = round(part * different_room(people, sides))
    met = Counter(image.face.identity for pair in different_pairs(people, sides, wanted, seed) for image in pair)
    often = [met[person.identity] for person in people]
    assert max(often) - min(often) <= 2


def test_photos_of_a_person_come_up_before_any_is_repeated() -> None:
    """Five masks on each of four photos: six meetings of photos, each once before another mask makes a second."""
    people, sides = people_of([[(0, 5)] * 4]), Sides("both_masked")
    met = Counter(frozenset((left.photo, right.photo)) for left, right in same_pairs(people, sides, False, 6, 1))
    assert sorted(met.values()) == [1] * 6
    met = Counter(frozenset((left.photo, right.photo)) for left, right in same_pairs(people, sides, False, 13, 1))
    assert sorted(met.values()) == [2] * 5 + [3]


def test_sides_are_swapped_where_they_are_alike() -> None:
    people = people_of([[(1, 0)] * 12])
    order = [left.photo < right.photo for left, right in same_pairs(people, Sides("bare"), False, 66, 5)]
    assert 15 < sum(order) < 51


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.data())
def test_filling_evenly_is_giving_one_at_a_time_to_who_has_least(capacities: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, sum(capacities)))
    order = data.draw(st.permutations(range(len(capacities))))
    given_ = [0] * len(capacities)
    for _ in range(wanted):
        free = [place for place in order if given_[place] < capacities[place]]
        given_[min(free, key=lambda place: given_[place])] += 1
    filled = fill_evenly(np.array(capacities, np.int64), wanted, np.array(order, np.int64))
    assert filled.tolist() == given_


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=70, unique=True), st.integers(0, 99))
def test_splits_take_their_share_of_people_with_many_photos_and_with_few(sizes: list[int], seed: int) -> None:
    people = people_of([[(1, 0)] * size for size in sizes])
    weights = {"train": 6.0, "evaluation": 3.0, "test": 1.0, "nobody": 0.0}
    splits = split_people(people, weights, seed)
    assert sorted(person.number for some in splits.values() for person in some) == list(range(len(people)))
    assert not splits["nobody"]
    for first in (*range(20, len(sizes), 20), len(sizes)):
        most = set(sorted(sizes)[-first:])
        for name, weight in weights.items():
            have = sum(len(person.photos) in most for person in splits[name])
            assert abs(have - first * weight / 10) < 2


@pytest.mark.parametrize("count", [0, 1, 100])
def test_dice_are_their_names(count: int) -> None:
    one, again, other = SeededOrder(3, "a"), SeededOrder(3, "a"), SeededOrder(3, "b")
    assert one.numbers("x", count).tolist() == again.numbers("x", count).tolist()
    assert sorted(one.order("x", count).tolist()) == list(range(count))
    if count > 1:
        assert one.order("x", count).tolist() != one.order("y", count).tolist() != other.order("y", count).tolist()
        assert (one.numbers("x", count) >= 0).all()
        assert np.bitwise_or.reduce(one.numbers("x", count)) == 2**63 - 1


def test_the_first_numbers_stay_what_they_are() -> None:
    """Files that were written once can be written again by any later version."""
    assert SeededOrder(17, "pairs/split").order("ties", 10).tolist() == FIRST_ORDER
    people = people_of([[(1, 0)] * 3 for _ in range(3)])
    drawn = same_pairs(people, Sides("bare"), False, 3, 17)
    assert [[image.face.path for image in pair] for pair in drawn] == FIRST_PAIRS


FIRST_ORDER = [2, 4, 5, 7, 8, 3, 6, 1, 0, 9]
FIRST_PAIRS = [["0/2/00", "0/1/00"], ["1/2/00", "1/1/00"], ["2/2/00", "2/0/00"]]


def test_every_pair_of_a_small_crowd_can_be_had() -> None:
    people = people_of([[(1, 2), (1, 2)], [(1, 2)]])
    for condition, kind in product(CONDITIONS, ("one", "two")):
        possible = everything(people, condition, kind)
        drawn = same_pairs(people, Sides(condition), kind == "one", len(possible), 0)  # type: ignore[arg-type]
        assert set(paths(drawn)) == possible
