"""Draws pairs of images: all different, balanced over people and over each person's photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.base.turns import meet_in_rounds
from maskrec.preparation.pairing.seeded_order import SeededOrder, fill_evenly
from maskrec.preparation.pairing.splits import Image, Person, Photo

Condition = Literal["bare", "one_masked", "both_masked"]
Pair = tuple[Image, Image]


@dataclass(frozen=True, slots=True)
class Sides:
    """Which images of a photo may be on the left of a pair and which on the right.

    With one masked, the left face is bare and the right one masked; otherwise both sides have the same images, and a
    pair and its mirror image are one pair.
    """

    condition: Condition

    @property
    def alike(self) -> bool:
        """Whether both sides have the same images."""
        return self.condition != "one_masked"

    def left(self, photo: Photo) -> list[Image]:
        """Images for the left side."""
        return photo.masked if self.condition == "both_masked" else photo.bare

    def right(self, photo: Photo) -> list[Image]:
        """Images for the right side."""
        return photo.bare if self.condition == "bare" else photo.masked


@dataclass(frozen=True, slots=True)
class Meetings:
    """One person's pairs of photos, and how many pairs of images each allows.

    Args:
        first, second: int64 ``(n,)``, the photos; equal ones pair a photo with itself.
        room: int64 ``(n,)``.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    room: NDArray[np.int64]


def _counts(person: Person, sides: Sides) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    left = np.array([len(sides.left(photo)) for photo in person.photos], np.int64)
    return left, np.array([len(sides.right(photo)) for photo in person.photos], np.int64)


def _meetings(person: Person, sides: Sides, one_photo: bool) -> Meetings:
    left, right = _counts(person, sides)
    if one_photo:
        first = second = np.arange(len(left))
        room = left * (left - 1) // 2 if sides.alike else left * right
    elif sides.alike:
        first, second = np.triu_indices(len(left), 1)
        room = left[first] * left[second]
    else:
        first, second = np.nonzero(~np.eye(len(left), dtype=bool))
        room = left[first] * right[second]
    return Meetings(first, second, room)


def same_room(people: Sequence[Person], sides: Sides, one_photo: bool) -> NDArray[np.int64]:
    """The number of different same-person pairs of each person: int64 ``(n,)``."""
    room = []
    for person in people:
        left, right = _counts(person, sides)
        if one_photo:
            count = (left * (left - 1)).sum() // 2 if sides.alike else (left * right).sum()
        else:
            count = left.sum() * right.sum() - (left * right).sum()
            count = count // 2 if sides.alike else count
        room.append(int(count))
    return np.array(room, np.int64)


def different_room(people: Sequence[Person], sides: Sides) -> int:
    """The number of different pairs of two people."""
    counts = [[int(side.sum()) for side in _counts(person, sides)] for person in people]
    both = sum(left for left, _ in counts) * sum(right for _, right in counts)
    apart = both - sum(left * right for left, right in counts)
    return apart // 2 if sides.alike else apart


def same_pairs(people: Sequence[Person], sides: Sides, one_photo: bool, wanted: int, seed: int) -> list[Pair]:
    """``wanted`` different pairs of one person, spread over all people as evenly as their photos allow.

    Args:
        people: the people to draw from.
        sides: which images.
        one_photo: whether both images of a pair come from one photo, or from two.
        wanted: at most the sum of ``same_room``.
        seed: same seed, same pairs.
    """
    name = f"pairs/same/{sides.condition}/{'one' if one_photo else 'two'}"
    order = SeededOrder(seed, name).order("people", len(people))
    quotas = fill_evenly(same_room(people, sides, one_photo), wanted, order)
    pairs: list[Pair] = []
    for person, quota in zip(people, quotas.tolist(), strict=True):
        if quota:
            dice = SeededOrder(seed, f"{name}/{person.number}")
            pairs += _of_one_person(person, sides, _meetings(person, sides, one_photo), quota, dice)
    return pairs


def _of_one_person(person: Person, sides: Sides, met: Meetings, quota: int, dice: SeededOrder) -> Iterator[Pair]:
    shares = fill_evenly(met.room, quota, dice.order("meetings", len(met.room)))
    swaps = iter(((dice.numbers("swaps", quota) >> 31) & 1).tolist())
    chosen = np.flatnonzero(shares)
    single = (dice.numbers("images", len(chosen)) % met.room[chosen]).tolist()
    for number, meeting in enumerate(chosen.tolist()):
        first, second = int(met.first[meeting]), int(met.second[meeting])
        left, right = sides.left(person.photos[first]), sides.right(person.photos[second])
        share = int(shares[meeting])
        several = dice.order(f"images {meeting}", int(met.room[meeting]))[:share].tolist() if share > 1 else []
        for place in several or [single[number]]:
            if first == second and sides.alike:
                one, other = _corner(place)
            else:
                one, other = divmod(place, len(right))
            swap = next(swaps) and sides.alike
            yield (right[other], left[one]) if swap else (left[one], right[other])


def _corner(place: int) -> tuple[int, int]:
    """The ``place``-th of (1, 0), (2, 0), (2, 1), (3, 0), ..."""
    row = 1
    while place >= row:
        place, row = place - row, row + 1
    return row, place


def different_pairs(people: Sequence[Person], sides: Sides, wanted: int, seed: int) -> list[Pair]:
    """``wanted`` different pairs of two people: in each round everyone is once on the left and once on the right.

    Args:
        people: the people to draw from.
        sides: which images.
        wanted: at most ``different_room``.
        seed: same seed, same pairs.
    """
    if not wanted:
        return []
    dice = SeededOrder(seed, f"pairs/different/{sides.condition}")
    lefts = [[image for photo in person.photos for image in sides.left(photo)] for person in people]
    rights = [[image for photo in person.photos for image in sides.right(photo)] for person in people]
    order, shifts = dice.order("people", len(people)).tolist(), (dice.order("shifts", len(people) - 1) + 1).tolist()
    numbers = dice.numbers("images", wanted).tolist()
    rooms = [len(images) for images in lefts], [len(images) for images in rights]
    meetings = meet_in_rounds(order, shifts, *rooms, numbers, sides.alike)
    return [(lefts[left][one], rights[right][other]) for left, right, one, other in meetings]
