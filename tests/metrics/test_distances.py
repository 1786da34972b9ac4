"""Distances of pairs against loops in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maskrec.metrics import normalise, pair_distances

rows = arrays(
    np.float32, (4, 3), elements=st.floats(-(2.0**60), 2.0**60, width=32).filter(lambda x: x == 0 or abs(x) > 1e-30)
)
left, right = np.array([0, 1, 2, 3, 0, 2]), np.array([1, 2, 3, 0, 2, 2])


def unit(row: list[float]) -> list[float]:
    length = math.hypot(*row)
    return [value / length for value in row]


@settings(deadline=None, max_examples=100)
@given(rows, st.booleans())
def test_equals_the_loops(embeddings: np.ndarray, normalize: bool) -> None:
    if normalize and not np.abs(embeddings).max(axis=1).all():
        with pytest.raises(ValueError, match="all zeros"):
            pair_distances(embeddings, left, right)
        return
    plain = [[float(value) for value in row] for row in embeddings]
    shown = [unit(row) for row in plain] if normalize else plain
    for number, (i, j) in enumerate(zip(left, right, strict=True)):
        expected = math.dist(shown[i], shown[j])
        of = {
            name: pair_distances(embeddings, left, right, name, normalize)[number]  # type: ignore[arg-type]
            for name in ("l2", "squared_l2")
        }
        assert of["l2"] == pytest.approx(expected, rel=1e-12, abs=1e-15)
        assert of["squared_l2"] == pytest.approx(expected**2, rel=1e-12, abs=1e-30)
        if normalize:
            cosine = sum(a * b for a, b in zip(shown[i], shown[j], strict=True))
            assert pair_distances(embeddings, left, right, "cosine")[number] == pytest.approx(1 - cosine, abs=1e-12)


def test_ranges_and_equal_faces() -> None:
    embeddings = np.array([[3.0, 0.0], [-7.0, 0.0], [0.0, 1e-20], [3.0, 0.0]])
    pairs = (np.array([0, 0, 0]), np.array([1, 2, 3]))
    assert pair_distances(embeddings, *pairs).tolist() == pytest.approx([2, math.sqrt(2), 0])
    assert pair_distances(embeddings, *pairs, "squared_l2").tolist() == pytest.approx([4, 2, 0])
    assert pair_distances(embeddings, *pairs, "cosine").tolist() == pytest.approx([2, 1, 0])
    assert pair_distances(embeddings, *pairs, "cosine", normalize=False).tolist() == pytest.approx([2, 1, 0])
    assert pair_distances(embeddings, *pairs)[2] == 0.0


def test_more_pairs_than_are_gathered_at_once() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(50, 8)).astype(np.float32)
    i, j = rng.integers(0, 50, 20_001), rng.integers(0, 50, 20_001)
    units = normalise(embeddings)
    expected = np.sqrt(((units[i] - units[j]) ** 2).sum(axis=1))
    np.testing.assert_allclose(pair_distances(embeddings, i, j), expected, atol=1e-15)


def test_lengths_are_one_even_for_extreme_numbers() -> None:
    units = normalise(np.array([[1e300, 1e300], [1e-320, 0.0]]))
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-12)


def test_wrong_input_is_one_sentence() -> None:
    fine = np.ones((2, 3))
    pair = (np.array([0]), np.array([1]))
    with pytest.raises(ValueError, match="1 embedding of 2 is all zeros \\(number 1\\)"):
        pair_distances(np.array([[1.0, 0], [0, 0]]), *pair)
    assert pair_distances(np.array([[1.0, 0], [0, 0]]), *pair, normalize=False).tolist() == [1.0]
    with pytest.raises(ValueError, match="1 embedding of 2 has numbers that are not finite"):
        pair_distances(np.array([[1.0, np.nan], [0, 1]]), *pair)
    with pytest.raises(ValueError, match="not of shape"):
        pair_distances(np.ones(3), *pair)
    with pytest.raises(ValueError, match="unknown distance 'l3'"):
        pair_distances(fine, *pair, "l3")  # type: ignore[arg-type]
    for wrong in (2, -1):
        with pytest.raises(ValueError, match="beyond the 2 embeddings"):
            pair_distances(fine, np.array([0]), np.array([wrong]))
    with pytest.raises(ValueError, match="differ in shape"):
        pair_distances(fine, np.array([0]), np.array([1, 0]))
