"""Pixels and landmarks move together, to where they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.faces.alignment import arcface_template
from maskrec.images.canvas import BOX_MARGIN, box_from_landmarks, to_canvas

FACE = np.array([[103.3, 116.0], [146.4, 110.4], [117.4, 137.6], [110.1, 159.2], [149.2, 155.4]])


def _blob(height: int, width: int, centre: np.ndarray, radius: float) -> np.ndarray:
    """A smooth white spot on black."""
    across = np.exp(-((np.arange(width) - centre[0]) ** 2) / (2 * radius**2))
    spot = np.exp(-((np.arange(height) - centre[1]) ** 2) / (2 * radius**2))[:, None] * across
    return np.repeat((255 * spot)[:, :, None], 3, 2).round().astype(np.uint8)


def _centre(image: np.ndarray) -> np.ndarray:
    weights = image.astype(float)
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


@pytest.mark.parametrize("alignment", ["arcface", "box", "none"])
@pytest.mark.parametrize(("zoom", "size"), [(1, 112), (1, 61), (3, 112), (5, 61)])
def test_a_spot_at_a_landmark_stays_at_it(alignment: str, zoom: int, size: int) -> None:
    """For photos from about the canvas's size to many times it, whatever is shrunk first."""
    height, width = 250 * zoom, 270 * zoom
    landmarks = (FACE + 0.5) * zoom - 0.5
    for point in range(5):
        photo = _blob(height, width, landmarks[point], 3.0 * zoom)
        image, moved = to_canvas(photo, landmarks, size, alignment)  # type: ignore[arg-type]
        assert image.shape == (3, size, size)
        assert image.dtype.is_floating_point is False
        assert moved is not None
        assert np.abs(_centre(image[0].numpy()) - moved[point].numpy()).max() < 0.12


def test_arcface_brings_landmarks_near_the_template() -> None:
    template = arcface_template(112)
    matrix = np.array([[1.3, -0.4, 20.0], [0.4, 1.3, 7.0]])
    photo_points = template @ matrix[:, :2].T + matrix[:, 2]
    _, moved = to_canvas(np.zeros((300, 300, 3), np.uint8), photo_points, 112, "arcface")
    assert moved is not None
    assert np.abs(moved.numpy() - template).max() < 1e-4


def test_shrinking_does_not_alias() -> None:
    """A fine checkerboard shrunk many times is gray, not black or white."""
    y, x = np.mgrid[0:1120, 0:1120]
    board = np.repeat((((x // 4 + y // 4) % 2) * 255).astype(np.uint8)[:, :, None], 3, 2)
    landmarks = arcface_template(1120)
    for alignment in ("arcface", "box", "none"):
        image, _ = to_canvas(board, landmarks, 112, alignment)  # type: ignore[arg-type]
        inner = image[:, 8:-8, 8:-8].float()
        assert 120 < float(inner.mean()) < 135
        assert float(inner.std()) < 25


def test_none_is_the_middle_square() -> None:
    photo = np.zeros((50, 90, 3), np.uint8)
    photo[:, 20:70] = 200
    image, moved = to_canvas(photo, None, 50, "none")
    assert moved is None
    assert (image == 200).all()


def test_without_landmarks_a_photo_is_taken_as_aligned() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (70, 60, 3), np.uint8)
    aligned, landmarks = to_canvas(photo, None, 48, "arcface")
    plain, _ = to_canvas(photo, None, 48, "none")
    assert landmarks is None
    assert (aligned == plain).all()


@pytest.mark.parametrize("shape", [(70, 60), (60, 90), (48, 48)])
def test_without_landmarks_a_face_cut_by_a_detector_is_stretched_whole(shape: tuple[int, int]) -> None:
    """As the weights were trained: a crop that is not square is stretched, not cut off."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    photo = np.stack([255 * rows / (shape[0] - 1), 255 * columns / (shape[1] - 1), 0 * rows], 2).astype(np.uint8)
    stretched, landmarks = to_canvas(photo, None, 48, "box")
    assert landmarks is None
    for channel, corners in ((0, (0, 0, 255, 255)), (1, (0, 255, 0, 255))):
        found = stretched[channel][[0, 0, -1, -1], [0, -1, 0, -1]].tolist()
        assert np.abs(np.array(found) - corners).max() < 6
    whole, _ = to_canvas(photo, None, 48, "box", np.array([0.0, 0.0, shape[1], shape[0]]))
    assert (stretched == whole).all()


def test_box_is_cut_with_its_margin_as_facenet_does() -> None:
    """facenet-pytorch: margin * side / (size - margin) more in all, half on each side, cut at the photo's edges."""
    photo = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    box = np.array([60.0, 50.0, 140.0, 150.0])
    image, _ = to_canvas(photo, None, 160, "box", box)
    margin = 14
    assert pytest.approx(margin / 160) == BOX_MARGIN
    left = int(60 - margin * 80 / (160 - margin) / 2)
    right = int(np.ceil(140 + margin * 80 / (160 - margin) / 2))
    top = int(50 - margin * 100 / (160 - margin) / 2)
    bottom = int(np.ceil(150 + margin * 100 / (160 - margin) / 2))
    again, _ = to_canvas(photo[top:bottom, left:right], None, 160, "box", np.array([0, 0, right - left, bottom - top]))
    assert (image == again).all()
    beyond, _ = to_canvas(photo, None, 32, "box", np.array([-50.0, -50.0, 260.0, 260.0]))
    whole, _ = to_canvas(photo, None, 32, "none")
    assert (beyond == whole).all()


def test_a_box_outside_the_photo_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the photo"):
        to_canvas(np.zeros((20, 20, 3), np.uint8), None, 16, "box", np.array([50.0, 50.0, 80.0, 80.0]))
    with pytest.raises(ValueError, match="coincide"):
        to_canvas(np.zeros((20, 20, 3), np.uint8), np.ones((5, 2)), 16, "arcface")


def test_derived_box_holds_the_face() -> None:
    left, top, right, bottom = box_from_landmarks(FACE)
    assert left < FACE[:, 0].min()
    assert right > FACE[:, 0].max()
    assert top < FACE[:, 1].min() - 20
    assert bottom > FACE[:, 1].max() + 10
    assert box_from_landmarks(FACE * 2 + 10) == pytest.approx(box_from_landmarks(FACE) * 2 + 10)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    size=st.integers(1, 70),
    alignment=st.sampled_from(["arcface", "box", "none"]),
    points=st.lists(st.tuples(st.floats(-400, 400), st.floats(-400, 400)), min_size=5, max_size=5),
    known=st.booleans(),
)
def test_any_photo_gives_a_canvas_or_one_sentence(
    height: int, width: int, size: int, alignment: str, points: list[tuple[float, float]], known: bool
) -> None:
    photo = np.full((height, width, 3), 77, np.uint8)
    try:
        image, moved = to_canvas(photo, np.array(points) if known else None, size, alignment)  # type: ignore[arg-type]
    except ValueError as error:
        message = str(error)
    else:
        message = ""
        assert image.shape == (3, size, size)
        assert (moved is None) == (not known)
    assert not message or "coincide" in message or "not in the photo" in message
