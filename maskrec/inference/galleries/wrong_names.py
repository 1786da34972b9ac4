"""Photos under the wrong name, people under two names, and people who are alike, among a gallery's good photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from maskrec.inference.galleries.alarm_thresholds import AlarmThresholds
from maskrec.inference.galleries.alike_people import Explanation, explain, parts_of
from maskrec.inference.galleries.compared_faces import FacePairs, GalleryComparisons
from maskrec.metrics.comparison_tiles import Indices


class AlikePair(NamedTuple):
    """A pair of photos of two people under the threshold.

    Args:
        photo: of the first person; places among the compared photos.
        other: of the second.
        distance: L2 between unit embeddings.
        limit: the threshold.
    """

    photo: int
    other: int
    distance: float
    limit: float


class WrongPhoto(NamedTuple):
    """A photo that is somebody else's.

    Args:
        person: whose it is said to be.
        other: whose it is.
        pair: it and the nearest photo of ``other``; under the threshold.
        own: the nearest other photo of ``person``.
        own_distance: to that.
        rest_distance: from ``person``'s other photos to the nearest of ``other``.
        log_odds: the mean of its odds with the photos of ``other``, less that with its own person's.
    """

    person: int
    other: int
    pair: AlikePair
    own: int
    own_distance: float
    rest_distance: float
    log_odds: float


class AlikePeople(NamedTuple):
    """Two people with photos under the threshold.

    Args:
        people: the two.
        pair: their nearest photos.
        near: pairs of their photos under the threshold.
        pairs: all pairs.
        one_person: whether one person under two names explains it best, and at least half of the pairs are near.
        log_odds: the mean of all pairs.
    """

    people: tuple[int, int]
    pair: AlikePair
    near: int
    pairs: int
    one_person: bool
    log_odds: float


class UnlikePhotos(NamedTuple):
    """Photos of a person that are unlike the others, and like nobody who is enrolled.

    Args:
        person: whose they are said to be.
        photos: those that are at fault; one of all where it cannot be said which.
        certain: whether these photos are at fault, and not the others.
        nearest: one of them and the photo of the person's others that is nearest.
        log_odds: of these two; below 0.
    """

    person: int
    photos: tuple[int, ...]
    certain: bool
    nearest: AlikePair
    log_odds: float


class WrongNames:
    """Finds them; each photo is explained once.

    Args:
        compared: the gallery's good photos.
        thresholds: for as many comparisons.
    """

    def __init__(self, compared: GalleryComparisons, thresholds: AlarmThresholds) -> None:
        self.compared, self.thresholds = compared, thresholds
        self.near = compared.near(thresholds.nearest_limits())
        self.wrong: list[WrongPhoto] = []
        self.alike: list[AlikePeople] = []
        people = compared.people
        self._photos = {int(person): np.flatnonzero(people == person) for person in np.unique(people)}
        self._explain_near()

    def unlike(self, own: FacePairs) -> Iterator[UnlikePhotos]:
        """Photos of a person that are unlike the others; those of wrong people are not among them any more.

        Args:
            own: all pairs of one person's photos.
        """
        limits = self.thresholds.furthest_limits()[own.conditions]
        far = np.flatnonzero(own.distances > limits)
        unlike: dict[int, dict[tuple[int, int], AlikePair]] = {}
        for place in far.tolist():
            pair = AlikePair(
                int(own.left[place]), int(own.right[place]), float(own.distances[place]), float(limits[place])
            )
            unlike.setdefault(int(self.compared.people[pair.photo]), {})[pair.photo, pair.other] = pair
        for person, pairs in unlike.items():
            yield from self._unlike(person, pairs)

    def _unlike(self, person: int, unlike: dict[tuple[int, int], AlikePair]) -> Iterator[UnlikePhotos]:
        photos = self._photos[person]
        kept = set(photos.tolist())
        every = {(one, other) for one in kept for other in kept if one < other}
        parts = parts_of(photos, every - unlike.keys())
        if len(parts) < 2:
            return
        certain = len(parts[0]) > len(parts[1])
        for part in parts[1:] if certain else [photos]:
            at_fault = set(part.tolist())
            ends = [pair for ends, pair in unlike.items() if kept.issuperset(ends)]
            if certain:
                ends = [pair for pair in ends if (pair.photo in at_fault) != (pair.other in at_fault)]
            nearest = min(ends, key=lambda pair: pair.distance)
            if certain and nearest.other in at_fault:
                nearest = nearest._replace(photo=nearest.other, other=nearest.photo)
            yield UnlikePhotos(person, tuple(part.tolist()), certain, nearest, self._odds(nearest))

    def _explain_near(self) -> None:
        """Take away one wrong photo after the other, the likeliest first; then look at the people who are alike."""
        known: dict[tuple[int, int], Explanation] = {}
        while True:
            pairs = self._near_people()
            for people in pairs.keys() - known.keys():
                ends = {int(side[place]) for place in pairs[people] for side in (self.near.left, self.near.right)}
                first, second = (self._photos[one] for one in people)
                known[people] = explain(first, second, self.compared.odds, ends)
            found = [(each.log_odds, people) for people in pairs if (each := known[people]).wrong is not None]
            if not found:
                break
            _, people = max(found)
            person = self._take_away(people, known[people], pairs[people])
            known = {two: each for two, each in known.items() if person not in two}
        for people, places in pairs.items():
            self.alike.append(self._alike(people, known[people], places))

    def _near_people(self) -> dict[tuple[int, int], list[int]]:
        """Places in ``near`` by the two people, of photos that were not taken away."""
        gone = {each.pair.photo for each in self.wrong}
        pairs: dict[tuple[int, int], list[int]] = {}
        for place, ends in enumerate(zip(self.near.left.tolist(), self.near.right.tolist(), strict=True)):
            if not gone.intersection(ends):
                first, second = sorted(int(self.compared.people[end]) for end in ends)
                pairs.setdefault((first, second), []).append(place)
        return pairs

    def _take_away(self, people: tuple[int, int], why: Explanation, places: list[int]) -> int:
        assert why.wrong is not None
        person = int(self.compared.people[why.wrong])
        (other,) = set(people) - {person}
        rest = self._photos[person] = self._photos[person][self._photos[person] != why.wrong]
        theirs = self._photos[other]
        own, far = self._nearest([why.wrong], rest), self._nearest(rest, theirs)
        mine = [place for place in places if why.wrong in (self.near.left[place], self.near.right[place])]
        nearest = min((self._pair(place, person) for place in mine), key=lambda pair: pair.distance)
        self.wrong.append(WrongPhoto(person, other, nearest, own.other, own.distance, far.distance, why.log_odds))
        return person

    def _alike(self, people: tuple[int, int], why: Explanation, places: list[int]) -> AlikePeople:
        nearest = min((self._pair(place, people[0]) for place in places), key=lambda pair: pair.distance)
        every = len(self._photos[people[0]]) * len(self._photos[people[1]])
        one_person = why.one_person and 2 * len(places) >= every
        return AlikePeople(people, nearest, len(places), every, one_person, why.log_odds)

    def _pair(self, place: int, person: int) -> AlikePair:
        """A near pair, with the photo of this person first."""
        near = self.near
        ends = int(near.left[place]), int(near.right[place])
        photo, other = ends if self.compared.people[ends[0]] == person else ends[::-1]
        limit = float(self.thresholds.nearest_limits()[near.conditions[place]])
        return AlikePair(photo, other, float(near.distances[place]), limit)

    def _nearest(self, photos: Indices | list[int], others: Indices) -> AlikePair:
        rows = self.compared.rows
        distances = np.linalg.norm(rows[photos][:, None] - rows[others][None], axis=2)
        one, other = np.unravel_index(int(distances.argmin()), distances.shape)
        return AlikePair(int(photos[int(one)]), int(others[other]), float(distances.min()), float("nan"))

    def _odds(self, pair: AlikePair) -> float:
        return float(self.compared.odds(np.array([pair.photo]), np.array([pair.other]))[0, 0])
