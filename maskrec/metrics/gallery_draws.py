"""Galleries drawn from the people of an evaluation: who is enrolled by which image, and who searches with which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.comparison_tiles import ComparedImages, Indices


class GalleryDraw(NamedTuple):
    """One image to enrol and one to search with of each person, the people in an order drawn at random.

    The first N people are a gallery of N rows, so a larger gallery holds the smaller ones.

    Args:
        people: int64 ``(n,)``.
        rows: int64 ``(n,)``, the image that each is enrolled by, as a place in ``ComparedImages``.
        probes: int64 ``(n,)``, the image that each searches with.
        mated: bool ``(n,)``, whether the probe is of another photo than the row; else they search as strangers only.
    """

    people: Indices
    rows: Indices
    probes: Indices
    mated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ImagesOfKind:
    """The bare or the masked images of some people, neighbours by person and then by photo.

    Args:
        places: int64 ``(n,)``, in ``ComparedImages``.
        photos: int64 ``(n,)``, numbered anew so that they do not fall.
        starts: int64 ``(people + 1,)``: a person's images are ``places[starts[person] : starts[person + 1]]``.
    """

    places: Indices
    photos: Indices
    starts: Indices


@dataclass(frozen=True, slots=True, eq=False)
class DrawablePeople:
    """Who can be enrolled and search in a condition.

    In ``bare`` both images are bare, in ``both_masked`` both are masked, in ``one_masked`` the enrolled one is bare.

    Args:
        people: int64 ``(n,)``, those who have an image of either kind.
        enrolled: the images to enrol.
        searched: the images to search with.
    """

    people: Indices
    enrolled: ImagesOfKind
    searched: ImagesOfKind

    def draw(self, generator: np.random.Generator) -> GalleryDraw:
        """Draw an order, an image of each person to enrol, and of another photo, where one is left, to search with."""
        people = generator.permutation(self.people)
        enrolled = self.enrolled
        first, last = enrolled.starts[people], enrolled.starts[people + 1]
        chosen = first + _below(last - first, generator)
        first, last = self.searched.starts[people], self.searched.starts[people + 1]
        # Images of the enrolled photo lie side by side: they are left out by stepping over them.
        cut = np.searchsorted(self.searched.photos, enrolled.photos[chosen], "left")
        resume = np.searchsorted(self.searched.photos, enrolled.photos[chosen], "right")
        others = last - first - (resume - cut)
        mated = others > 0
        probes = first + _below(np.where(mated, others, last - first), generator)
        probes += np.where(mated & (probes >= cut), resume - cut, 0)
        return GalleryDraw(people, enrolled.places[chosen], self.searched.places[probes], mated)


def gallery_candidates(images: ComparedImages, condition: str) -> DrawablePeople:
    """Who can be enrolled and search in a condition.

    Args:
        images: of the evaluation, sorted by mask state and person.
        condition: of ``CONDITIONS``.
    """
    bare, masked = (_of_kind(images, kind) for kind in (slice(0, images.bare), slice(images.bare, None)))
    enrolled, searched = ((bare, bare), (bare, masked), (masked, masked))[CONDITIONS.index(condition)]
    able = (np.diff(enrolled.starts) > 0) & (np.diff(searched.starts) > 0)
    return DrawablePeople(np.flatnonzero(able), enrolled, searched)


def _of_kind(images: ComparedImages, kind: slice) -> ImagesOfKind:
    ordered = np.lexsort((images.photos, images.people))
    numbers = np.empty(len(ordered), np.int64)
    changes = np.diff(images.photos[ordered]) != 0
    numbers[ordered] = np.concatenate([[0], np.cumsum(changes)]) if len(ordered) else 0
    places = np.arange(len(ordered))[kind]
    places = places[np.argsort(numbers[places], kind="stable")]
    starts = np.searchsorted(images.people[places], np.arange(len(images.names) + 1))
    return ImagesOfKind(places, numbers[places], starts)


def _below(counts: Indices, generator: np.random.Generator) -> Indices:
    """A number below each count."""
    return generator.integers(0, counts)
