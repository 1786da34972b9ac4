"""Faces brought to another alignment on the device: against a float64 loop, and against aligning the photo itself."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.input_spec import Alignment, AlignmentTemplate
from maskrec.faces.alignment import arcface_template, template_points
from maskrec.faces.realigning import can_realign, realign
from maskrec.images.canvas import to_canvas

# A looser cut than ArcFace's, not square.
LOOSE = AlignmentTemplate(((15.1, 22.3), (32.7, 22.0), (24.0, 32.5), (17.2, 41.8), (31.0, 42.1)), 60, 50)


def smooth_photo(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Slow waves of another length in each channel: two bilinear samplings of it are nearly one."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / a) + np.cos(y / b) + np.sin((x + y) / 46) for a, b in ((34, 26), (22, 38), (46, 30))]
    return np.stack([127.5 + 40 * wave for wave in waves], 2).clip(0, 255).astype(np.uint8)


def pixel(image: np.ndarray[Any, Any], row: int, column: int) -> float:
    inside = 0 <= row < image.shape[0] and 0 <= column < image.shape[1]
    return float(image[row, column]) if inside else 0.0


def by_loops(
    image: np.ndarray[Any, Any], points: np.ndarray[Any, Any], target: np.ndarray[Any, Any], shape: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """One channel, pixel by pixel: the similarity as a complex line by least squares, black beyond the pixels."""
    design = np.array([[complex(x, y), 1.0] for x, y in points])
    scale, shift = np.linalg.lstsq(design, np.array([complex(x, y) for x, y in target]), rcond=None)[0]
    found = np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            place = (complex(column, row) - shift) / scale
            left, top = math.floor(place.real), math.floor(place.imag)
            u, v = place.real - left, place.imag - top
            above = pixel(image, top, left) * (1 - u) + pixel(image, top, left + 1) * u
            below = pixel(image, top + 1, left) * (1 - u) + pixel(image, top + 1, left + 1) * u
            found[row, column] = above * (1 - v) + below * v
    return found


@settings(deadline=None, max_examples=12)
@given(
    st.integers(0, 10**6), st.sampled_from([12, 17]), st.sampled_from(["arcface", LOOSE]), st.floats(-3, 3),
    st.floats(0.4, 1.8),
)  # fmt: skip
def test_each_face_is_sampled_as_a_float64_loop_does(
    seed: int, size: int, alignment: Alignment, angle: float, scale: float
) -> None:
    draw = np.random.default_rng(seed)
    images = draw.random((2, 1, 14, 19))
    turn = cmath.rect(scale, angle)
    pulled = [[turn * complex(x - 7, y - 7) for x, y in arcface_template(14)] for _ in range(2)]
    points = np.array([[[z.real + 9, z.imag + 6] for z in face] for face in pulled]) + draw.normal(0, 0.4, (2, 5, 2))
    found = realign(torch.from_numpy(images), torch.from_numpy(points), size, alignment).numpy()
    target = template_points(size, alignment)
    assert target is not None
    expected = [by_loops(images[i, 0], points[i], target, found.shape[2:]) for i in range(2)]
    assert np.abs(found[:, 0] - np.stack(expected)).max() < 1e-9


@pytest.mark.parametrize(
    ("size", "alignment", "new_size", "new"),
    [(160, LOOSE, 96, "arcface"), (96, "arcface", 112, LOOSE), (128, LOOSE, 32, LOOSE), (250, "none", 112, "arcface")],
)
def test_it_is_nearly_the_photo_aligned_directly(
    size: int, alignment: Alignment, new_size: int, new: Alignment
) -> None:
    photo = smooth_photo(260, 250)
    points = arcface_template(112) * 1.1 @ np.array([[0.96, 0.28], [-0.28, 0.96]]) + [82.0, 45.0]
    canvas, moved = to_canvas(photo, points, size, alignment)
    direct, _ = to_canvas(photo, points, new_size, new)
    assert moved is not None
    # Only what the canvas shows can be compared: a white canvas says which pixels those are.
    seen = torch.ones(1, 1, *canvas.shape[1:])
    seen[:, :, [0, -1]], seen[..., [0, -1]] = 0, 0
    there = realign(seen, moved[None], new_size, new, alignment)[0, 0] > 0.999
    found = realign(canvas[None].float(), moved[None], new_size, new, alignment)[0]
    assert found.shape == direct.shape
    assert there.float().mean() > 0.3
    assert (found - direct.float()).abs()[:, there].max() < 3.0


def test_a_face_shrunk_far_is_averaged_and_not_sampled() -> None:
    """Every other two columns are white: a quarter of the size is grey, where bilinear sampling shows white."""
    stripes = torch.zeros(1, 1, 224, 224, dtype=torch.float64)
    stripes[..., 1::4], stripes[..., 2::4] = 1, 1
    points = torch.from_numpy(arcface_template(224))[None]
    assert (realign(stripes, points, 56, "arcface", "arcface") - 0.5).abs().max() < 1e-9
    assert (realign(stripes, points, 56, "arcface") - 0.5).abs().max() > 0.4


def test_what_is_beyond_the_canvas_is_black() -> None:
    found = realign(torch.ones(1, 3, 20, 20), torch.from_numpy(arcface_template(20))[None].float(), 60, LOOSE)
    assert found.shape == (1, 3, 60, 50)
    assert (found[..., 32, 24] - 1).abs().max() < 1e-6
    assert float(found[..., -1, 0].abs().max()) == 0


def test_landmarks_that_coincide_give_finite_pixels() -> None:
    found = realign(torch.rand(1, 3, 8, 8), torch.full((1, 5, 2), 3.0), 10, "arcface")
    assert found.isfinite().all()


def test_an_alignment_without_landmarks_is_refused() -> None:
    assert can_realign("arcface")
    assert can_realign(LOOSE)
    assert not can_realign("box")
    assert not can_realign("none")
    with pytest.raises(ValueError, match="cannot be brought to the alignment 'box' by landmarks"):
        realign(torch.rand(1, 3, 8, 8), torch.rand(1, 5, 2), 10, "box")
