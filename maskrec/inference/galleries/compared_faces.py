"""Every photo of a gallery compared with every other: those of one person, the near ones of two, the nearest stranger.

Distances are in float64, some rows at a time, so that memory grows with the number of photos and not with its square.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.inference.galleries.alarm_thresholds import is_measured
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.pair_scoring import POSSIBLE, log_odds, pair_conditions, ranked
from maskrec.metrics import Risk, normalise
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices

_ROWS = 256  # compared with all others at once


class FacePairs(NamedTuple):
    """Some pairs of photos.

    Args:
        left: int64 ``(m,)``, places in the gallery.
        right: int64 ``(m,)``; each is greater than its ``left``.
        distances: float64 ``(m,)``, L2 between unit embeddings.
        conditions: int8 ``(m,)``, numbers of ``pair_scoring.POSSIBLE``.
    """

    left: Indices
    right: Indices
    distances: Floats
    conditions: NDArray[np.int8]


class NearestStranger(NamedTuple):
    """The photo of somebody else that is likest to one of a person's.

    Args:
        person: place in ``names``.
        photo: the person's.
        other: the stranger's photo.
        distance: between the two.
        condition: number of ``pair_scoring.POSSIBLE``.
        log_odds: natural logarithm of how much likelier the distance is for one person than for two.
    """

    person: int
    photo: int
    other: int
    distance: float
    condition: int
    log_odds: float


class GalleryComparisons:
    """The photos of a gallery, and how alike two of them are.

    Args:
        faces: all of them.
        used: places of those that are compared, rising.
        risk: what the model's distances mean.
    """

    def __init__(self, faces: EnrolledFaces, used: Indices, risk: Risk) -> None:
        self.risk, self.used = risk, used
        self.rows = normalise(faces.embeddings[used]) if len(used) else np.zeros((0, 1))
        self.people, self.masked = faces.people[used], faces.masked[used]
        self.measured = np.array([all(is_measured(risk, name) for name in names) for names in POSSIBLE])

    def conditions(self) -> set[str]:
        """The conditions that are possible for any two of the photos."""
        states = np.unique(self.masked)
        return {name for number in np.unique(pair_conditions(states[:, None], states)) for name in POSSIBLE[number]}

    def own(self) -> FacePairs:
        """All pairs of one person's photos whose condition was measured."""
        order = np.argsort(self.people, kind="stable")
        found: list[tuple[Indices, Indices]] = []
        for places in np.split(order, np.flatnonzero(np.diff(self.people[order])) + 1):
            one, other = np.triu_indices(len(places), 1)
            found.append((places[one], places[other]))
        left, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
        distances = np.linalg.norm(self.rows[left] - self.rows[right], axis=1)
        return self._measured(left, right, distances)

    def near(self, limits: Floats) -> FacePairs:
        """The pairs of two people's photos at or below the limit of their condition.

        Args:
            limits: for each number of ``POSSIBLE``.
        """
        found: list[tuple[Indices, Indices, Floats]] = []
        for start in range(0, len(self.rows), _ROWS):
            block = slice(start, start + _ROWS)
            distances, conditions = self._block(block)
            near = (distances <= limits[conditions]) & (self.people[block, None] != self.people)
            near &= np.arange(len(self.rows)) > np.arange(start, start + len(near))[:, None]
            one, other = np.nonzero(near)
            found.append((one + start, other, distances[one, other]))
        left, right, close = (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else ([], [], [])
        return self._measured(np.asarray(left, np.int64), np.asarray(right, np.int64), np.asarray(close, np.float64))

    def nearest_strangers(self) -> list[NearestStranger]:
        """The nearest stranger of each person who has a photo and a comparison; by odds, not across conditions."""
        shape = (len(self.rows), len(POSSIBLE))
        nearest, places = np.full(shape, np.inf), np.zeros(shape, np.int64)
        for start in range(0, len(self.rows), _ROWS):
            block = slice(start, start + _ROWS)
            distances, conditions = self._block(block)
            stranger = self.people[block, None] != self.people
            for number in np.unique(conditions).tolist():
                here = np.where(stranger & (conditions == number), distances, np.inf)
                places[block, number] = here.argmin(axis=1)
                nearest[block, number] = here.min(axis=1)
        nearest[:, ~self.measured] = np.inf
        found = (self._nearest_of(person, nearest, places) for person in np.unique(self.people).tolist())
        return [one for one in found if one is not None]

    def odds(self, left: Indices, right: Indices) -> Floats:
        """Log odds of each photo with each other, ``(len(left), len(right))``; 0 where nothing is known of them."""
        gaps = self.rows[left][:, None] - self.rows[right][None]
        distances = np.sqrt(np.einsum("ijk,ijk->ij", gaps, gaps))
        conditions = pair_conditions(self.masked[left][:, None], self.masked[right])
        known = self.measured[conditions]
        odds = np.zeros(distances.shape)
        odds[known] = log_odds(distances[known], conditions[known], self.risk)
        return odds

    def _block(self, block: slice) -> tuple[Floats, NDArray[np.int8]]:
        """Distances and conditions of some photos with all."""
        squared = 2 - 2 * (self.rows[block] @ self.rows.T)
        distances = np.sqrt(np.maximum(squared, 0.0))
        return distances, pair_conditions(self.masked[block, None], self.masked)

    def _measured(self, left: Indices, right: Indices, distances: Floats) -> FacePairs:
        conditions = pair_conditions(self.masked[left], self.masked[right])
        kept = self.measured[conditions]
        return FacePairs(left[kept], right[kept], distances[kept], conditions[kept])

    def _nearest_of(self, person: int, nearest: Floats, places: Indices) -> NearestStranger | None:
        photos = np.flatnonzero(self.people == person)
        best = nearest[photos].argmin(axis=0)
        numbers = np.flatnonzero(np.isfinite(nearest[photos].min(axis=0)))
        if not len(numbers):
            return None
        mine = photos[best[numbers]]
        distances = nearest[mine, numbers]
        order, odds = ranked(distances, numbers, self.risk)
        first = int(order[0])
        number, photo = int(numbers[first]), int(mine[first])
        return NearestStranger(
            person, photo, int(places[photo, number]), float(distances[first]), number, float(odds[first])
        )
