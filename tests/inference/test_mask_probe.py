"""The mask probe: block means of any canvas, probabilities, and what is read from strangers' files."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.inference.photos.mask_probe import BLOCKS, UNSURE, MaskProbe, block_means, mask_state

NUMBERS = BLOCKS * BLOCKS * 3


def faces(number: int, size: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (number, size, size, 3), np.uint8)


def probe(seed: int = 0) -> MaskProbe:
    draw = np.random.default_rng(seed)
    return MaskProbe(draw.normal(size=NUMBERS), 0.25)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_block_means_are_area_means_of_any_canvas(height: int, width: int, seed: int) -> None:
    """Each pixel as 14 x 14 equal ones: then a block is a whole number of pixels."""
    canvases = faces(2, max(height, width), seed)[:, :height, :width]
    fine = canvases.repeat(BLOCKS, 1).repeat(BLOCKS, 2)
    expected = fine.reshape(2, BLOCKS, height, BLOCKS, width, 3).mean((2, 4)).reshape(2, -1) / 255
    assert np.allclose(block_means(canvases), expected, rtol=0, atol=1e-12)


def test_a_larger_canvas_of_the_same_picture_has_the_same_blocks() -> None:
    small = faces(3, 28)
    assert np.allclose(block_means(small), block_means(small.repeat(8, 1).repeat(8, 2)), rtol=0, atol=1e-12)


def test_many_faces_are_reduced_as_each_of_them() -> None:
    canvases = faces(7, 1000)  # more pixels than are converted at once
    assert np.array_equal(block_means(canvases), np.concatenate([block_means(face[None]) for face in canvases]))
    assert block_means(canvases[:0]).shape == (0, NUMBERS)


@pytest.mark.parametrize(
    "canvases",
    [
        faces(1, 8)[0],
        faces(1, 8)[:, :0],
        faces(1, 8)[..., :1],
        np.zeros((1, 0, 0, 3), np.uint8),
        np.zeros((1, 8, 8, 3)),
    ],
)
def test_other_shapes_and_types_are_refused(canvases: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected (faces of shape|uint8 faces)"):
        block_means(canvases)


def test_the_probability_is_the_logistic_of_the_weighted_blocks() -> None:
    canvases, fitted = faces(5, 30), probe()
    logits = [float(np.dot(fitted.weights, blocks) + 0.25) for blocks in block_means(canvases)]
    assert np.allclose(fitted.probability(canvases), [1 / (1 + np.exp(-logit)) for logit in logits])


@pytest.mark.parametrize("bias", [1e6, -1e6])
def test_the_surest_faces_have_a_probability_without_a_warning(bias: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (chance,) = MaskProbe(np.zeros(NUMBERS), bias).probability(faces(1, 20))
    assert chance == pytest.approx(float(bias > 0), abs=1e-12)


def test_between_the_bounds_the_state_is_unknown() -> None:
    low, high = UNSURE
    assert [mask_state(chance) for chance in (0.0, low, 0.5, high, 1.0)] == [False, False, None, True, True]


def test_plain_numbers_come_back_through_json() -> None:
    canvases, fitted = faces(9, 40), probe()
    back = MaskProbe.from_plain(json.loads(json.dumps(fitted.to_plain())))
    assert np.array_equal(back.probability(canvases), fitted.probability(canvases))


PLAIN = probe().to_plain()
WEIGHTS = PLAIN["weights"]


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (None, "has the fields"),
        ([], "has the fields"),
        ({}, "has the fields bias, blocks, version, weights and no others"),
        ({**PLAIN, "more": 1}, "has the fields"),
        ({**PLAIN, "version": 2}, "version is not 1"),
        ({**PLAIN, "version": True}, "version is not 1"),
        ({**PLAIN, "version": "1"}, "version is not 1"),
        ({**PLAIN, "blocks": 13}, "has 588 weights"),
        ({**PLAIN, "weights": WEIGHTS[:-1]}, "has 588 weights"),
        ({**PLAIN, "weights": dict.fromkeys(range(NUMBERS), 0.0)}, "has 588 weights"),
        ({**PLAIN, "weights": [*WEIGHTS[:-1], float("nan")]}, "finite numbers within 1e"),
        ({**PLAIN, "weights": [*WEIGHTS[:-1], float("inf")]}, "finite numbers within 1e"),
        ({**PLAIN, "weights": [*WEIGHTS[:-1], 10**400]}, "finite numbers within 1e"),
        ({**PLAIN, "weights": [*WEIGHTS[:-1], True]}, "finite numbers within 1e"),
        ({**PLAIN, "weights": [*WEIGHTS[:-1], "0"]}, "finite numbers within 1e"),
        ({**PLAIN, "weights": [*WEIGHTS[:-1], [0.0]]}, "finite numbers within 1e"),
        ({**PLAIN, "bias": None}, "finite numbers within 1e"),
        ({**PLAIN, "bias": -1.1e6}, "finite numbers within 1e"),
    ],
)
def test_other_forms_are_refused_in_one_sentence(plain: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        MaskProbe.from_plain(plain)
    assert "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(WEIGHTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*PLAIN, "more"]), VALUES), st.sets(st.sampled_from([*PLAIN])))
@settings(max_examples=40, deadline=None)
def test_whatever_json_holds_is_a_probe_or_a_sentence(changes: dict[str, Any], kept: set[str]) -> None:
    plain = {**PLAIN, **{name: value for name, value in changes.items() if name not in kept}}
    try:
        fitted = MaskProbe.from_plain(plain)
    except ValueError:
        return
    assert np.isfinite(fitted.probability(faces(1, 14))).all()
    assert fitted.weights.shape == (NUMBERS,)
