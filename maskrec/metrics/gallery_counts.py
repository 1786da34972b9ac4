"""Searches in galleries drawn from the people of an evaluation, counted by distance: measured FPIR and FNIR.

Open-set identification as NIST's FRVT 1:N and ISO/IEC 19795-1 define it. FPIR: the share of searches by people who are
not enrolled that find a row at or below a threshold. FNIR: the share of searches by enrolled people whose own row is
not the nearest, or is not at or below the threshold. Each person is enrolled by one image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import ComparedImages, Indices, Progress, sorted_images
from maskrec.metrics.distance_counts import BINS, bin_numbers
from maskrec.metrics.effective_searches import (
    GRID_POINTS,
    DrawnSearches,
    SearchedRows,
    effective_searches,
    rate_grid,
)
from maskrec.metrics.enough_people import FEWEST_PEOPLE
from maskrec.metrics.gallery_draws import GalleryDraw, gallery_candidates
from maskrec.metrics.nearest_rows import distances_of, nearest_rows

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
"""Rows of the galleries: those that leave at least as many people outside."""
DRAWS = 50
"""Galleries of each size."""
MOST_STRANGERS = 2000  # of a draw; 50 draws are 100,000 searches

STRANGERS, MATES = 0, 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GalleryCounts:
    """Counts per condition, in the order of ``CONDITIONS``, and gallery size. Zeros where nothing was measured.

    Args:
        sizes: int64 ``(sizes,)``, rising: rows of the galleries, one for each person.
        people: int64 ``(3,)``, people whom the galleries and their strangers are drawn from.
        draws: galleries of each size.
        nearest: int64 ``(3, sizes, BINS)``, searches of strangers by the distance of the nearest row.
        own: int64 ``(3, sizes, BINS)``, searches of enrolled people by the distance of their own row.
        first: int64 ``(3, sizes, BINS)``, those of them whose own row is the nearest.
        grid: int64 ``(2, 3, sizes, GRID_POINTS)``, thresholds as numbers of bins, not falling; of strangers and mates.
        effective: int64 ``(2, 3, sizes, GRID_POINTS)``, the independent searches that those at a threshold are worth.
    """

    sizes: Indices
    people: Indices
    draws: int
    nearest: Indices
    own: Indices
    first: Indices
    grid: Indices
    effective: Indices

    def __repr__(self) -> str:
        measured = self.sizes[self.nearest.any(axis=(0, 2))]
        rows = f"of {measured[0]} to {counted(int(measured[-1]), 'row')}" if len(measured) else "of no size"
        return f"GalleryCounts({counted(self.draws, 'gallery')} {rows}; {counted(int(self.people.max()), 'person')})"


def count_galleries(
    embeddings: ArrayLike,
    people: ArrayLike,
    masked: ArrayLike,
    photos: ArrayLike,
    seed: int = 0,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> GalleryCounts:
    """Draw galleries, search in them, count.

    A draw gives the people an order; the first N are the gallery of N rows, those beyond the largest gallery are the
    strangers of all sizes. So a stranger who finds somebody in a small gallery does so in the larger ones.

    Args:
        embeddings: ``(n, d)``.
        people: int ``(n,)``, who each image shows.
        masked: bool ``(n,)``, whether the face wears a mask.
        photos: int ``(n,)``; a person does not search with the photo that they are enrolled by.
        seed: of the draws.
        draws: galleries of each size, at least 1.
        progress: receives the draws that are done and all of them.

    Raises:
        ValueError: as in ``sorted_images``, or no draws.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    images = sorted_images(embeddings, people, masked, photos)
    every = [gallery_candidates(images, condition) for condition in CONDITIONS]
    counts = _no_counts([len(candidates.people) for candidates in every], draws)
    for number, candidates in enumerate(every):
        sizes = gallery_sizes(len(candidates.people))
        generator = np.random.default_rng([seed, number])
        found = []
        for draw in range(draws if sizes else 0):
            found.append(_search(images, candidates.draw(generator), sizes))
            if progress is not None:
                progress(number * draws + draw + 1, len(CONDITIONS) * draws)
        if found:
            _count(counts, number, sizes, found)
    return counts


def gallery_sizes(people: int) -> list[int]:
    """The sizes that leave as many people outside as inside; none where too few are there to speak for others."""
    return [size for size in SIZES if 2 * size <= people and people >= FEWEST_PEOPLE]


@dataclass(frozen=True, slots=True, eq=False)
class _Draw:
    """The searches of one draw.

    Args:
        enrolled: int64 ``(n,)``, who is in the largest gallery.
        mated: bool ``(n,)``, whether they search.
        own: bins, int64 ``(n,)``.
        first: bool ``(sizes, n)``, whether the own row is the nearest, with none as near.
        strangers: int64 ``(m,)``.
        nearest: bins, int64 ``(sizes, m)``.
        answers: int64 ``(sizes, m)``, whose row is the nearest.
    """

    enrolled: Indices
    mated: NDArray[np.bool_]
    own: Indices
    first: NDArray[np.bool_]
    strangers: Indices
    nearest: Indices
    answers: Indices


def _search(images: ComparedImages, draw: GalleryDraw, sizes: list[int]) -> _Draw:
    largest = sizes[-1]
    rows, probes = images.rows[draw.rows[:largest]], images.rows[draw.probes]
    outside = slice(largest, largest + max(largest, MOST_STRANGERS))
    found = nearest_rows(probes[outside], rows, sizes)
    own: Floats = np.einsum("nd,nd->n", probes[:largest], rows)
    others = nearest_rows(probes[:largest], rows, sizes, own=True)
    return _Draw(
        draw.people[:largest],
        draw.mated[:largest],
        bin_numbers(distances_of(own)),
        own > others.cosines,
        draw.people[outside],
        bin_numbers(distances_of(found.cosines)),
        draw.people[found.rows],
    )


def _count(counts: GalleryCounts, condition: int, sizes: list[int], draws: list[_Draw]) -> None:
    """Fill in a condition's counts."""
    for number, size in enumerate(sizes):
        at = condition, number
        strangers = DrawnSearches(
            np.concatenate([each.nearest[number] for each in draws]), np.concatenate([each.strangers for each in draws])
        )
        counts.nearest[at] = _histogram(strangers.bins)
        rows = SearchedRows(
            np.concatenate([each.answers[number] for each in draws]), np.stack([each.enrolled[:size] for each in draws])
        )
        _weigh(counts, (STRANGERS, *at), strangers, counts.nearest[at], rows)
        mated = [np.flatnonzero(each.mated[:size]) for each in draws]
        who = np.concatenate([each.enrolled[some] for each, some in zip(draws, mated, strict=True)])
        own = np.concatenate([each.own[some] for each, some in zip(draws, mated, strict=True)])
        first = np.concatenate([each.first[number, some] for each, some in zip(draws, mated, strict=True)])
        counts.own[at], counts.first[at] = _histogram(own), _histogram(own[first])
        if len(who):
            _weigh(counts, (MATES, *at), DrawnSearches(np.where(first, own, BINS), who), counts.first[at])


def _histogram(bins: Indices) -> Indices:
    return np.bincount(bins, minlength=BINS)


def _weigh(
    counts: GalleryCounts,
    at: tuple[int, int, int],
    searches: DrawnSearches,
    histogram: Indices,
    rows: SearchedRows | None = None,
) -> None:
    counts.grid[at] = rate_grid(histogram, len(searches.bins))
    counts.effective[at] = effective_searches(searches, counts.grid[at], rows)


def _no_counts(people: list[int], draws: int) -> GalleryCounts:
    sizes = gallery_sizes(max(people))
    shape = (len(CONDITIONS), len(sizes))
    nearest, own, first = (np.zeros((*shape, BINS), np.int64) for _ in range(3))
    grid, effective = (np.zeros((2, *shape, GRID_POINTS), np.int64) for _ in range(2))
    numbers = np.array(people, np.int64)
    return GalleryCounts(np.array(sizes, np.int64), numbers, draws, nearest, own, first, grid, effective)
