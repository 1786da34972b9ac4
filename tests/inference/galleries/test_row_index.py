"""The nearest people of a gallery's rows, against a plain comparison of everything in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskrec.inference.galleries.row_index import RowIndex
from maskrec.metrics import normalise


def by_hand(
    probe: NDArray[np.float32],
    rows: NDArray[np.float32],
    people: NDArray[np.int64],
    masked: NDArray[np.int8],
    most: int,
) -> list[tuple[int, float]]:
    """The nearest row of each of the nearest people, for one mask state after the other."""
    found: list[tuple[int, float]] = []
    for state in sorted(set(masked.tolist())):
        own = np.flatnonzero(masked == state)
        apart = np.sqrt(((rows[own].astype(np.float64) - probe.astype(np.float64)) ** 2).sum(axis=1))
        seen: set[int] = set()
        for distance, number in sorted(zip(apart.tolist(), own.tolist(), strict=True)):
            if int(people[number]) not in seen and len(seen) < most:
                seen.add(int(people[number]))
                found.append((number, distance))
    return found


def unit_rows(count: int, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return normalise(rng.normal(size=(count, size))).astype(np.float32)


def check(index: RowIndex, probes: NDArray[np.float32], most: int) -> None:
    for probe, found in zip(probes, index.nearest(probes, most), strict=True):
        expected = by_hand(probe, index.embeddings, index.people, index.masked, most)
        assert found.rows.tolist() == [row for row, _ in expected]
        assert np.allclose(found.distances, [distance for _, distance in expected], rtol=0, atol=1e-12)


@settings(max_examples=60)
@given(
    rows=st.integers(1, 40), crowd=st.integers(1, 12), distinct=st.integers(1, 40), states=st.integers(1, 3),
    probes=st.integers(0, 4), most=st.integers(1, 14), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_rows_are_found_as_a_plain_comparison_finds_them(
    rows: int, crowd: int, distinct: int, states: int, probes: int, most: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    some = unit_rows(distinct, 5, rng)[rng.integers(0, distinct, rows)]  # equal rows lie at equal distances
    people, masked = rng.integers(0, crowd, rows), rng.integers(-1, states - 1, rows).astype(np.int8)
    asked = np.concatenate([unit_rows(probes, 5, rng), some[:1]])
    check(RowIndex(some, people, masked), asked, most)


@pytest.mark.parametrize("rows", [4095, 4097, 80_000])
def test_many_rows_are_found_across_blocks(rows: int) -> None:
    rng = np.random.default_rng(rows)
    embeddings, people = unit_rows(rows, 8, rng), rng.integers(0, 500, rows)
    masked = rng.choice(np.array([-1, 0, 1], np.int8), rows, p=[0.01, 0.9, 0.09])
    index = RowIndex(embeddings, people, masked)
    check(index, np.concatenate([unit_rows(2, 8, rng), embeddings[[0, -1]]]), 5)


@pytest.mark.parametrize("rows", [40, 2047, 5000])
def test_the_greatest_similarity_of_each_part_is_that_of_its_rows_alone(rows: int) -> None:
    rng = np.random.default_rng(rows)
    embeddings = unit_rows(rows, 8, rng)
    embeddings[: rows // 2 : 3] = embeddings[0]  # the first block's are the greatest, and must not stay for later ones
    masked = rng.choice(np.array([-1, 0, 1], np.int8), rows, p=[0.01, 0.9, 0.09])
    index, probes = RowIndex(embeddings, np.arange(rows), masked), embeddings[[0, -1]]
    for number, best in enumerate(index._greatest_of_parts(probes)):
        own = (index._counted[number].of_parts(np.array([part])) for part in range(best.shape[1]))
        plain = [(probes @ embeddings[each].T).max(axis=1, initial=-np.inf) for each in own]
        assert np.allclose(best, np.array(plain).T, rtol=0, atol=1e-6)


def test_one_person_with_the_nearest_thousand_rows_hides_nobody() -> None:
    rng = np.random.default_rng(1)
    embeddings = unit_rows(9000, 8, rng)
    nearer = np.argsort(embeddings @ embeddings[0])
    people = np.arange(9000)
    people[nearer[-4000:]] = 0
    check(RowIndex(embeddings, people, np.zeros(9000, np.int8)), embeddings[:1], 3)


def test_nearly_equal_rows_are_told_apart_in_float64() -> None:
    rng = np.random.default_rng(2)
    probe = unit_rows(1, 512, rng)
    near = (probe + 1e-4 * rng.normal(size=(100, 512))).astype(np.float32)
    embeddings = np.concatenate([unit_rows(500, 512, rng), near, probe])
    embeddings = normalise(embeddings[rng.permutation(len(embeddings))]).astype(np.float32)
    check(RowIndex(embeddings, np.arange(len(embeddings)), np.zeros(len(embeddings), np.int8)), probe, 5)


def test_without_rows_nobody_is_near() -> None:
    index = RowIndex(np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, np.int8))
    (found,) = index.nearest(np.ones((1, 4), np.float32) / 2, 5)
    assert (len(found.rows), len(found.distances), len(index)) == (0, 0, 0)
