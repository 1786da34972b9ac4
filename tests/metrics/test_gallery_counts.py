"""Galleries drawn from the people of an evaluation: against plain loops over float64 distances."""

from __future__ import annotations

import numpy as np
import pytest
from compared_people import People, some_people
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.comparison_tiles import sorted_images
from maskrec.metrics.gallery_counts import SIZES, count_galleries, gallery_sizes
from maskrec.metrics.gallery_draws import GalleryDraw, gallery_candidates
from maskrec.metrics.nearest_rows import nearest_rows

DRAWS, SEED = 3, 11


def drawn(given: People, condition: str) -> list[GalleryDraw]:
    """The draws that ``count_galleries`` makes, with places as the caller numbers images."""
    images = sorted_images(*given)
    generator = np.random.default_rng([SEED, CONDITIONS.index(condition)])
    candidates = gallery_candidates(images, condition)
    found = [candidates.draw(generator) for _ in range(DRAWS)]
    return [
        GalleryDraw(images.names[each.people], images.places[each.rows], images.places[each.probes], each.mated)
        for each in found
    ]


def binned(distance: float) -> int:
    return int(np.clip(np.ceil(distance * 2048) - 1, 0, 4095))


def searched_by_hand(given: People, draw: GalleryDraw, size: int) -> list[tuple[str, int]]:
    """Each search of a gallery as what it counts for and its bin."""
    units = [row / np.sqrt(np.sum(row * row)) for row in np.asarray(given.embeddings, np.float64)]

    def apart(probe: int, row: int) -> float:
        return float(np.sqrt(np.sum((units[probe] - units[row]) ** 2)))

    largest = max(each for each in SIZES if 2 * each <= len(draw.people))
    found = []
    for stranger in range(largest, len(draw.people)):
        found.append(("nearest", binned(min(apart(draw.probes[stranger], draw.rows[row]) for row in range(size)))))
    for mate in range(size):
        if draw.mated[mate]:
            distances = [apart(draw.probes[mate], draw.rows[row]) for row in range(size)]
            found.append(("own", binned(distances[mate])))
            if np.argmin(distances) == mate:
                found.append(("first", binned(distances[mate])))
    return found


@pytest.mark.parametrize("condition", CONDITIONS)
def test_counts_are_those_of_plain_loops(condition: str) -> None:
    given = some_people(23, 2, seed=3, spread=1.5)
    counts = count_galleries(*given, seed=SEED, draws=DRAWS)
    number = CONDITIONS.index(condition)
    assert counts.people.tolist() == [23, 23, 23]
    for place, size in enumerate([1, 2, 5, 10]):
        expected = {name: np.zeros(4096, np.int64) for name in ("nearest", "own", "first")}
        for draw in drawn(given, condition):
            for name, bin_number in searched_by_hand(given, draw, size):
                expected[name][bin_number] += 1
        for name, histogram in expected.items():
            np.testing.assert_array_equal(getattr(counts, name)[number, place], histogram, err_msg=f"{name}, {size}")
        assert expected["own"].sum() == DRAWS * size
        assert expected["nearest"].sum() == DRAWS * 13
    assert not counts.nearest[number, 4:].any()
    assert 0 < counts.first[number, 3].sum() < counts.own[number, 3].sum()  # else it would say nothing of ranks


def some_images(seed: int) -> People:
    """People with one to three images of one to three photos, bare, masked or both."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(30), rng.integers(1, 4, 30))
    photos = 10 * people + rng.integers(0, 3, len(people))
    return People(rng.standard_normal((len(people), 4)), 7 * people - 50, rng.random(len(people)) < 0.5, photos)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_draw_takes_images_of_the_condition_and_never_one_photo_twice(condition: str, seed: int) -> None:
    given = some_images(seed)
    row_masked, probe_masked = {"bare": (0, 0), "one_masked": (0, 1), "both_masked": (1, 1)}[condition]
    kinds = {
        person: ({int(p) for p in given.photos[(given.people == person) & (given.masked == row_masked)]},
                 {int(p) for p in given.photos[(given.people == person) & (given.masked == probe_masked)]})
        for person in given.people.tolist()
    }  # fmt: skip
    for draw in drawn(given, condition):
        assert sorted(draw.people) == sorted(person for person, (one, other) in kinds.items() if one and other)
        np.testing.assert_array_equal(given.people[draw.rows], draw.people)
        np.testing.assert_array_equal(given.people[draw.probes], draw.people)
        assert (given.masked[draw.rows] == row_masked).all()
        assert (given.masked[draw.probes] == probe_masked).all()
        apart = given.photos[draw.rows] != given.photos[draw.probes]
        np.testing.assert_array_equal(apart, draw.mated)
        for person, row, mated in zip(draw.people.tolist(), draw.rows, draw.mated, strict=True):
            assert mated == bool(kinds[person][1] - {int(given.photos[row])})


def test_every_image_is_drawn_equally_often() -> None:
    photos = np.array([1, 1, 2, 3, 3, 3, 4])  # of each of 7,000 people, all bare
    people = np.repeat(np.arange(7000), 7)
    given = People(np.ones((49000, 1)), people, np.zeros(49000, bool), np.tile(photos, 7000) + 10 * people)
    draw = gallery_candidates(sorted_images(*given), "bare").draw(np.random.default_rng(0))
    seen = np.zeros((7, 7))
    np.add.at(seen, (draw.rows % 7, draw.probes % 7), 1)
    np.testing.assert_allclose(seen.sum(axis=1), 1000, atol=150)
    for row in range(7):
        others = photos != photos[row]
        assert not seen[row, ~others].any()
        np.testing.assert_allclose(seen[row, others] / seen[row].sum(), 1 / others.sum(), atol=0.07)


def test_the_seed_decides() -> None:
    given = some_people(30, 2, seed=1)
    one, same, other = (count_galleries(*given, seed=seed, draws=4) for seed in (1, 1, 2))
    for name in ("nearest", "own", "first", "grid", "effective"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.nearest, other.nearest)


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    count_galleries(*some_people(20, 1, seed=1), draws=2, progress=lambda done, every: seen.append((done, every)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_sizes_leave_as_many_outside_as_inside() -> None:
    assert gallery_sizes(19) == []
    assert gallery_sizes(20) == [1, 2, 5, 10]
    assert gallery_sizes(39) == [1, 2, 5, 10]
    assert gallery_sizes(40) == [1, 2, 5, 10, 20]
    assert gallery_sizes(10**6) == list(SIZES)


def test_people_with_one_photo_are_strangers_only() -> None:
    given = some_people(24, 1, seed=2)
    counts = count_galleries(*given, draws=2)
    assert counts.nearest[:, 3].sum(axis=1).tolist() == [28, 28, 28]
    assert not counts.own.any()
    assert not counts.first.any()


def test_no_people_and_wrong_draws() -> None:
    empty = count_galleries(np.empty((0, 4)), np.empty(0, int), np.empty(0, bool), np.empty(0, int))
    assert not empty.nearest.any()
    with pytest.raises(ValueError, match="draws must be at least 1, not 0"):
        count_galleries(*some_people(3, 1, seed=1), draws=0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 12), st.booleans())
def test_blocks_of_any_side_give_the_nearest_row(seed: int, side: int, probes: int, own: bool) -> None:
    rng = np.random.default_rng(seed)
    rows: NDArray[np.float64] = rng.integers(-2, 3, (12, 3)).astype(np.float64)  # with equals among them
    others: NDArray[np.float64] = rng.integers(-2, 3, (probes, 3)).astype(np.float64)
    sizes = sorted(rng.choice(np.arange(1, 13), 3, replace=False).tolist())
    found = nearest_rows(others, rows, sizes, own=own, side=side)
    for number, size in enumerate(sizes):
        for probe in range(probes):
            cosines = [float(others[probe] @ rows[row]) for row in range(size) if not (own and row == probe)]
            assert found.cosines[number, probe] == max(cosines, default=-np.inf)
            if cosines:
                row = found.rows[number, probe]
                assert float(others[probe] @ rows[row]) == max(cosines)
                assert not (own and row == probe)
