"""TAR at FAR over every comparison of a set of images, each probe with each gallery image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskrec.base.unit_interval import require_inside_unit_interval
from maskrec.metrics.accuracy import between
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import TILE_SIDE, ComparedImages, Indices
from maskrec.metrics.distances import pair_distances
from maskrec.metrics.nearest_impostors import (
    NearestImpostors,
    allowed,
    impostor_comparisons,
    nearest_impostors,
    people_counts,
)
from maskrec.metrics.people_intervals import people_interval
from maskrec.metrics.tar import TarAtFar


@dataclass(frozen=True, slots=True, eq=False)
class AllComparisons:
    """The comparisons of one condition: all of one person, and the nearest of two people.

    Args:
        images: what was compared.
        condition: index into ``CONDITIONS``.
        rows: int64 ``(g,)``, places of one side of the comparisons of one person; bare images where conditions differ.
        columns: int64 ``(g,)``, of the other.
        squared: float64 ``(g,)``, their squared L2 distances.
        nearest: the nearest comparisons of two people.
    """

    images: ComparedImages
    condition: int
    rows: Indices
    columns: Indices
    squared: Floats
    nearest: NearestImpostors

    def at(self, far: float) -> TarAtFar | None:
        """TAR at the largest threshold whose FAR is not above ``far``, as ``tar_at_far`` of all these distances.

        The interval is that of the TAR at this threshold for other people: people are resampled.

        Returns:
            None without comparisons of one person or of two.
        """
        if not len(self.squared) or not self.nearest.comparisons:
            return None
        accepted, threshold = self.decided(far)
        hits = self.squared <= (-1.0 if threshold is None else threshold)
        low, high = people_interval(*self.genuine_of_people(hits))
        return TarAtFar(
            target=far,
            far=accepted / self.nearest.comparisons,
            tar=float(hits.mean()),
            low=low,
            high=high,
            expected=far * self.nearest.comparisons,
            threshold=threshold,
        )

    def decided(self, far: float) -> tuple[int, float | None]:
        """Comparisons of two people that are accepted, and the squared distance up to which all are.

        The threshold lies midway between the largest accepted distance of any comparison and the next; None where
        nothing can be accepted.
        """
        accepted = self.nearest.accepted(far)
        beyond = float(self.nearest.squared[accepted])
        below = [self.squared[self.squared < beyond], self.nearest.squared[:accepted]]
        last = max((float(each.max()) for each in below if len(each)), default=None)
        return accepted, None if last is None else between(last, beyond)

    def genuine_of_people(self, hits: NDArray[np.bool_]) -> tuple[Indices, Indices]:
        """How many of each person's comparisons are hits, and how many there are: int64 ``(people,)`` each."""
        people, who = len(self.images.names), self.images.people[self.rows]
        return np.bincount(who[hits], minlength=people), np.bincount(who, minlength=people)


def compare_all(images: ComparedImages, condition: int, highest_far: float, side: int = TILE_SIDE) -> AllComparisons:
    """Compare every two images of a condition, except two of one photo.

    Args:
        images: what is compared.
        condition: index into ``CONDITIONS``: 0 bare with bare, 1 bare with masked, 2 masked with masked.
        highest_far: of the rates that will be asked for, in (0, 1); as many comparisons are kept.
        side: images along a tile; the result does not depend on it.

    Raises:
        ValueError: a rate out of range.
    """
    require_inside_unit_interval(highest_far, "a false accept rate")
    rows, columns = _genuine(images, condition)
    squared = pair_distances(images.rows, rows, columns, "squared_l2", normalize=False)
    count = allowed(highest_far, impostor_comparisons(images, condition))
    return AllComparisons(images, condition, rows, columns, squared, nearest_impostors(images, condition, count, side))


@dataclass(frozen=True, slots=True)
class KindRates:
    """How the masked images of one kind fare at a threshold that was chosen for all.

    Args:
        kind: as the caller numbered it.
        tar: true accepts of its comparisons with bare images; None without comparisons of one person.
        tar_low: lower end of the TAR's interval over people.
        tar_high: upper end.
        same: comparisons of one person.
        false: false accepts.
        different: comparisons of two people.
    """

    kind: int
    tar: float | None
    tar_low: float | None
    tar_high: float | None
    same: int
    false: int
    different: int


def rates_by_kind(compared: AllComparisons, kinds: Indices, threshold: float) -> list[KindRates]:
    """Rates of bare with masked images by the kind of the masked one, at a threshold up to the highest FAR.

    Args:
        compared: of condition 1.
        kinds: int64 ``(n,)``, of each image in the caller's order; those below 0 and those of bare images are left out.
        threshold: on squared distances; at most that of the highest FAR.
    """
    images, nearest = compared.images, compared.nearest
    kind = kinds[images.places]
    wearing = np.arange(images.bare, len(images.rows))
    bare, _ = people_counts(images)
    others = images.bare - bare[images.people]
    near = nearest.columns[nearest.squared <= threshold]
    found = []
    for number in np.unique(kind[wearing][kind[wearing] >= 0]).tolist():
        mine = kind[compared.columns] == number
        hits = mine & (compared.squared <= threshold)
        same = int(np.count_nonzero(mine))
        people = len(images.names)
        who = images.people[compared.columns]
        counts = np.bincount(who[hits], minlength=people), np.bincount(who[mine], minlength=people)
        low, high = people_interval(*counts) if same else (None, None)
        found.append(
            KindRates(
                number,
                int(np.count_nonzero(hits)) / same if same else None,
                low,
                high,
                same,
                int(np.count_nonzero(kind[near] == number)),
                int(others[wearing[kind[wearing] == number]].sum()),
            )
        )
    return found


def _genuine(images: ComparedImages, condition: int) -> tuple[Indices, Indices]:
    """Places of both sides of every comparison of one person, but for two images of one photo."""
    every, bare = np.arange(len(images.rows)), images.bare
    parts = (slice(0, bare), slice(bare, None))
    one, other = (parts[0], parts[0], parts[1])[condition], (parts[0], parts[1], parts[1])[condition]
    # The images of a person are neighbours: those on the one side that each image of the other side meets.
    start = np.searchsorted(images.people[one], images.people[other], "left") + every[one][:1].sum()
    stop = np.searchsorted(images.people[one], images.people[other], "right") + every[one][:1].sum()
    if condition != 1:
        stop = every[other]
    counts = stop - start
    columns = np.repeat(every[other], counts)
    rows = np.arange(len(columns)) + np.repeat(start - np.cumsum(counts) + counts, counts)
    kept = images.photos[rows] != images.photos[columns]
    return rows[kept], columns[kept]
