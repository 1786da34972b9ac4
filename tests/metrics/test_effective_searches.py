"""What searches are worth: against plain loops, and on people whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from maskrec.metrics.distance_counts import BINS, cumulative
from maskrec.metrics.effective_searches import (
    GRID_POINTS,
    DrawnSearches,
    SearchedRows,
    effective_searches,
    rate_grid,
)
from maskrec.metrics.gallery_counts import count_galleries
from maskrec.metrics.measured_galleries import MeasuredGalleries


def some_searches(seed: int = 0, galleries: int = 6, size: int = 3) -> tuple[DrawnSearches, SearchedRows]:
    rng = np.random.default_rng(seed)
    order = np.stack([rng.permutation(20) for _ in range(galleries)])
    enrolled, who = order[:, :size], order[:, size:].ravel()
    place = rng.integers(0, size, (galleries, 20 - size))
    nearest = np.take_along_axis(enrolled, place, axis=1).ravel()
    bins = np.where(rng.random(len(who)) < 0.1, BINS, rng.integers(0, 40, len(who)) + who)
    return DrawnSearches(bins, who), SearchedRows(nearest, enrolled)


def worth_by_hand(searches: DrawnSearches, edge: int, rows: SearchedRows | None) -> float:
    """The same in loops."""
    hit = [bin_number < edge for bin_number in searches.bins]
    total, people = len(hit), sorted(set(searches.who.tolist()))
    rate = sum(hit) / total
    own = {person: [h for h, who in zip(hit, searches.who, strict=True) if who == person] for person in people}
    variance = sum((sum(h) - len(h) * rate) ** 2 for h in own.values()) / total**2 * len(people) / (len(people) - 1)
    behind = kish([sum(h) for h in own.values()])
    if rows is not None:
        galleries, size = rows.enrolled.shape
        enrolled = sorted(set(rows.enrolled.ravel().tolist()))
        asked = [sum(person in each for each in rows.enrolled.tolist()) * total / galleries for person in enrolled]
        answered = [sum(h for h, row in zip(hit, rows.nearest, strict=True) if row == person) for person in enrolled]
        apart = sum((one - every * rate / size) ** 2 for one, every in zip(answered, asked, strict=True))
        of_a_row = max(apart - sum(answered), 0) / sum(every**2 for every in asked)
        moved = (1 - rate) * -np.log1p(-rate) / rate
        variance += moved**2 * of_a_row * size * (1 + size / len(enrolled))
        behind = min(behind, kish(answered))
    return rate * (1 - rate) / variance / (1 + (1.96**2 + 1) / 4 / behind) ** 2


def kish(hits: list[int]) -> float:
    return sum(hits) ** 2 / max(sum(h * h for h in hits), 1)


@pytest.mark.parametrize("with_rows", [True, False])
def test_is_what_plain_loops_give(with_rows: bool) -> None:
    searches, rows = some_searches()
    edges = np.full(GRID_POINTS, 25)
    edges[GRID_POINTS // 2 :] = 40
    found = effective_searches(searches, edges, rows if with_rows else None)
    for place, edge in ((0, 25), (-1, 40)):
        expected = worth_by_hand(searches, edge, rows if with_rows else None)
        assert 1 < expected < len(searches.bins)
        assert found[place] == int(expected)


def test_a_person_who_searches_again_and_again_counts_once() -> None:
    rng = np.random.default_rng(0)
    hits = np.where(rng.random(400) < 0.3, 5, 50)
    grid = np.full(GRID_POINTS, 10)
    once = effective_searches(DrawnSearches(hits, np.arange(400)), grid)[0]
    again = effective_searches(DrawnSearches(np.tile(hits, 9), np.tile(np.arange(400), 9)), grid)[0]
    assert again == pytest.approx(once, rel=0.01)
    assert 370 < once <= 400


def test_rows_that_answer_more_than_others_make_it_less() -> None:
    """Half of the rows answer every search, the others none: a new gallery of one row is worth one search."""
    enrolled = np.arange(50)[:, None]
    who, nearest = np.tile(np.arange(100, 400), 50), np.repeat(np.arange(50), 300)
    hits = np.where(nearest % 2 == 0, 5, 50)
    worth = effective_searches(DrawnSearches(hits, who), np.full(GRID_POINTS, 10), SearchedRows(nearest, enrolled))[0]
    assert worth == 1
    assert effective_searches(DrawnSearches(hits, who), np.full(GRID_POINTS, 10))[0] > 1000


def test_where_nothing_is_hit_a_person_counts_once_at_most() -> None:
    searches, rows = some_searches()
    assert 1 <= effective_searches(searches, np.zeros(GRID_POINTS, np.int64), rows)[0] <= 20
    assert 1 <= effective_searches(DrawnSearches(searches.bins % 40, searches.who), np.full(GRID_POINTS, BINS))[0] <= 20


def test_the_grid_is_dense_at_few_hits_and_at_few_misses() -> None:
    histogram = np.zeros(BINS, np.int64)
    histogram[1000:2000] = 10
    grid = rate_grid(histogram, 10_500)  # 500 found nothing
    assert (np.diff(grid) >= 0).all()
    hits = cumulative(histogram)[grid]
    assert 1 <= hits[0] <= 10
    assert (hits < 100).sum() >= 5
    assert (10_000 - hits[hits < 10_000]).min() < 1100
    assert set(rate_grid(np.zeros(BINS, np.int64), 1).tolist()) == {0, BINS}


def people_who_differ(
    rng: np.random.Generator, people: int, photos: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Some look more like everybody than others do; ``(people * photos, 24)``."""
    middle = rng.standard_normal((people, 24))
    middle[:, 0] += 1.5 * rng.gamma(2, 0.35, people)
    return np.repeat(middle, photos, axis=0) + 0.6 * rng.standard_normal((people * photos, 24))


def test_the_interval_holds_the_rate_of_a_new_gallery_of_other_people() -> None:
    """A gallery of 10 other people, searched by 4,000 more, whose rate is as good as known."""
    held, trials, size, threshold = 0, 25, 10, 0.95
    by_searches = 0
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        bare = np.zeros(200, bool)
        counts = count_galleries(people_who_differ(rng, 100, 2), np.repeat(np.arange(100), 2), bare, np.arange(200))
        found = MeasuredGalleries(counts).fpir("bare", threshold, size)
        rows, strangers = people_who_differ(rng, size, 1), people_who_differ(rng, 4000, 1)
        cosines = (strangers @ rows.T) / np.linalg.norm(strangers, axis=1)[:, None] / np.linalg.norm(rows, axis=1)
        rate = float((cosines.max(axis=1) >= 1 - threshold**2 / 2).mean())
        held += found.low <= rate <= found.high
        of_all = np.sqrt(found.rate * (1 - found.rate) / counts.nearest[0, 3].sum())
        by_searches += abs(rate - found.rate) <= 1.96 * of_all
    assert held >= 0.9 * trials
    assert by_searches < 0.5 * trials  # as if all searches were independent
