"""Counts of all comparisons, tile by tile, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compared_people import Compared, People, all_comparisons, some_people
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskrec.metrics.comparison_tiles import GENUINE, IMPOSTOR, sorted_images, tiles
from maskrec.metrics.distance_counts import BIN_WIDTH, BINS, GRID, bin_numbers, count_distances

images_drawn = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2)), min_size=1, max_size=16)


def drawn(images: list[tuple[int, bool, int]], seed: int) -> People:
    """People, masks and photos as drawn; a person's photo number belongs to nobody else."""
    who, masked, photo = (np.array(column) for column in zip(*images, strict=True))
    rows = np.random.default_rng(seed).standard_normal((len(images), 6))
    return People(rows, who - 2, masked, who * 3 + photo)


def bin_of(distance: float) -> int:
    return max(0, min(BINS, math.ceil(distance / BIN_WIDTH)) - 1)


def histogram(comparisons: list[Compared], condition: int, same: bool) -> list[int]:
    counts = [0] * BINS
    for one in comparisons:
        if one.condition == condition and (one.first == one.second) == same:
            counts[bin_of(one.distance)] += 1
    return counts


def by_person(comparisons: list[Compared], condition: int, person: int, threshold: float) -> int:
    return sum(
        one.condition == condition
        and one.first != one.second
        and person in (one.first, one.second)
        and one.distance <= threshold
        for one in comparisons
    )


# Sixteen comparisons: the grid starts and ends at eight false accepts.
SIXTEEN = [(person, False, 0) for person in (0, 0, 0, 1, 1, 2, 2)]


@settings(deadline=None, max_examples=60)
@given(images_drawn, st.integers(0, 2**20), st.sampled_from([1, 3, 5, 1024]))
@example(SIXTEEN, 0, 1)
def test_counts_equal_the_loops(images: list[tuple[int, bool, int]], seed: int, side: int) -> None:
    everyone = drawn(images, seed)
    found, comparisons = count_distances(*everyone, side=side), all_comparisons(everyone)
    for condition in range(3):
        assert found.genuine[condition].tolist() == histogram(comparisons, condition, True)
        assert found.impostor[condition].tolist() == histogram(comparisons, condition, False)
    rows = [
        [
            [by_person(comparisons, condition, person, edge * BIN_WIDTH) for edge in found.grid[condition, ::33]]
            + [by_person(comparisons, condition, person, math.inf)]
            for condition in range(3)
        ]
        for person in set(everyone.people.tolist())
    ]
    counted = np.concatenate([found.false[:, :, ::33], found.comparisons[:, :, None]], axis=2)
    assert sorted(rows) == sorted(counted.transpose(1, 0, 2).tolist())


@settings(deadline=None, max_examples=30)
@given(images_drawn, st.integers(1, 7))
def test_every_comparison_is_in_one_tile(images: list[tuple[int, bool, int]], side: int) -> None:
    everyone = drawn(images, 1)
    sorted_ = sorted_images(*everyone)
    met = []
    for tile in tiles(sorted_, side=side):
        assert max(tile.distances.shape) <= side
        kinds = np.zeros(tile.distances.shape, np.int8) if tile.kinds is None else tile.kinds
        for kind in (IMPOSTOR, GENUINE):
            rows, columns = np.nonzero(kinds == kind)
            left, right = sorted_.places[rows + tile.rows.start], sorted_.places[columns + tile.columns.start]
            assert ((everyone.people[left] == everyone.people[right]) == (kind == GENUINE)).all()
            met += [tuple(sorted(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)]
    assert len(met) == len(set(met)) == len(all_comparisons(everyone))


def test_the_grid_is_where_the_decisions_are() -> None:
    found = count_distances(*some_people(60, 4, seed=3))
    for condition in range(3):
        below = np.concatenate([[0], np.cumsum(found.impostor[condition])])
        events = below[found.grid[condition]]
        targets = np.geomspace(10, below[-1] / 2, GRID)
        assert (events <= targets).all()
        assert (below[found.grid[condition] + 1] > targets).all()
        assert (found.false[condition].sum(axis=0) == 2 * events).all()


def test_bins_hold_their_right_edge() -> None:
    distances = np.array([0.0, 1e-9, BIN_WIDTH, BIN_WIDTH * 1.001, 1.0, math.nextafter(1, 2), 2.0, 2.0000001])
    assert bin_numbers(distances).tolist() == [0, 0, 0, 1, BINS // 2 - 1, BINS // 2, BINS - 1, BINS - 1]
    assert distances[4] == 1.0  # the input is not changed


def test_equal_and_opposite_embeddings() -> None:
    rows = np.array([[3.0, 4.0], [0.3, 0.4], [-6.0, -8.0]])
    found = count_distances(rows, [1, 1, 2], np.zeros(3, bool), [1, 2, 3])
    assert found.genuine[0, 0] == 1
    assert found.impostor[0, BINS - 1] == 2


def test_progress_reaches_the_end_once() -> None:
    seen: list[tuple[int, int]] = []
    count_distances(*some_people(4, 3, seed=0), progress=lambda done, every: seen.append((done, every)), side=5)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert {every for _, every in seen} == {seen[-1][0]}


def test_neither_the_order_of_the_images_nor_names_matter() -> None:
    given = some_people(12, 3, seed=2)
    order = np.random.default_rng(0).permutation(len(given.people))
    one, other = count_distances(*given), count_distances(*(column[order] for column in given))
    other_names = count_distances(given.embeddings, 1000 - given.people, given.masked, given.photos)
    for again in (other, other_names):
        for name in ("genuine", "impostor", "grid", "comparisons"):
            np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        np.testing.assert_array_equal(np.sort(one.false, axis=1), np.sort(again.false, axis=1))


def test_wrong_input_is_one_sentence() -> None:
    rows, bare = np.eye(3), np.zeros(3, bool)
    with pytest.raises(ValueError, match="people must be 3 whole numbers, one for each embedding"):
        count_distances(rows, [1, 2], bare, [1, 2, 3])
    with pytest.raises(ValueError, match="people must be 3 whole numbers"):
        count_distances(rows, ["a", "b", "c"], bare, [1, 2, 3])
    with pytest.raises(ValueError, match="masked must be 3 bools"):
        count_distances(rows, [1, 2, 3], [0, 1, 0], [1, 2, 3])
    with pytest.raises(ValueError, match="photos must be 3 whole numbers"):
        count_distances(rows, [1, 2, 3], bare, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="photo 7 is given to two people"):
        count_distances(rows, [1, 1, 3], bare, [4, 7, 7])
    with pytest.raises(ValueError, match="not finite"):
        count_distances(rows * math.nan, [1, 2, 3], bare, [1, 2, 3])
    with pytest.raises(ValueError, match="at most 50,000 people can be counted, not of 50,001"):
        count_distances(np.ones((50_001, 1)), np.arange(50_001), np.zeros(50_001, bool), np.arange(50_001))
