"""The similarity transform against a search that uses no SVD."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maskrec.faces.alignment import ARCFACE_POINTS, arcface_template, move_points, similarity_transform

POINTS = arrays(np.float64, (5, 2), elements=st.floats(-100, 100, width=32))


def _by_complex_numbers(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A similarity of the plane without mirror is z -> a z + b; least squares in the complex numbers a and b."""
    design = np.array([[complex(x, y), 1.0] for x, y in source])
    wanted = np.array([complex(x, y) for x, y in target])
    a, b = np.linalg.lstsq(design, wanted, rcond=None)[0]
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


@settings(max_examples=80, deadline=None)
@given(source=POINTS, target=POINTS)
def test_is_the_least_squares_similarity(source: np.ndarray, target: np.ndarray) -> None:
    if np.ptp(source, axis=0).max() < 1:
        return
    ours, theirs = similarity_transform(source, target), _by_complex_numbers(source, target)
    assert np.abs(ours - theirs).max() < 1e-6 * (1 + np.abs(theirs).max())
    assert abs(ours[0, 0] - ours[1, 1]) + abs(ours[0, 1] + ours[1, 0]) < 1e-9 * (1 + np.abs(ours).max())


@settings(max_examples=50, deadline=None)
@given(angle=st.floats(-math.pi, math.pi), scale=st.floats(0.05, 20), x=st.floats(-99, 99), y=st.floats(-99, 99))
def test_finds_back_an_exact_similarity(angle: float, scale: float, x: float, y: float) -> None:
    matrix = np.array([[math.cos(angle), -math.sin(angle), x / scale], [math.sin(angle), math.cos(angle), y / scale]])
    source = np.array(ARCFACE_POINTS)
    moved = np.array([[scale * (row[0] * p + row[1] * q + row[2]) for row in matrix] for p, q in source])
    assert np.abs(similarity_transform(source, moved) - scale * matrix).max() < 1e-8 * (1 + scale)
    assert np.abs(move_points(source, scale * matrix) - moved).max() < 1e-9 * (1 + scale)


def test_never_mirrors() -> None:
    source = np.array(ARCFACE_POINTS)
    matrix = similarity_transform(source, source * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_template_is_the_published_one_and_grows_about_the_corner() -> None:
    assert np.abs(arcface_template(112) - np.array(ARCFACE_POINTS)).max() < 1e-12
    # A canvas of 224 shrunk by two: pixel p of 112 covers pixels 2p and 2p + 1.
    assert np.abs((arcface_template(224) - 0.5) / 2 - arcface_template(112)).max() < 1e-12


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (np.ones((5, 2)), np.array(ARCFACE_POINTS), "coincide"),
        (np.full((5, 2), np.nan), np.array(ARCFACE_POINTS), "finite"),
        (np.array(ARCFACE_POINTS), np.full((5, 2), np.inf), "finite"),
        (np.ones((5, 3)), np.ones((5, 3)), "shapes"),
        (np.ones((1, 2)), np.ones((1, 2)), "shapes"),
    ],
)
def test_rejects_what_is_not_a_face(source: np.ndarray, target: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        similarity_transform(source, target)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        arcface_template(0)
