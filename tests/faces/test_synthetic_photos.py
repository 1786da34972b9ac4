"""The renderer: the same bytes in any batch, and faces at their landmarks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskrec.faces.synthetic import photograph
from maskrec.faces.synthetic.cartoon_photos import CartoonPhotos, draw_photos
from maskrec.faces.synthetic.features import paint_eyes, paint_mouth, paint_nose
from maskrec.faces.synthetic.people import People, draw_people
from maskrec.faces.synthetic.pose import head_grid, landmarks, place

SIZE = 256
# Mean colours of the quarters of two photos, and the landmarks of the first, as `test_this_world_has_not_changed` has.
MEANS = [178.6, 236.3, 110.7, 159.4, 127.6, 173.5, 104.2, 177.4, 137.3, 209.0, 98.1, 175.6]
MEANS += [191.2, 135.7, 175.6, 143.7, 76.6, 63.6, 109.9, 83.0, 111.1, 85.5, 128.7, 100.1]
POINTS = [11.907, 13.892, 19.305, 13.8, 15.619, 17.997, 11.954, 20.891, 19.398, 20.801]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("size", [16, 32, 64, 97, 112, 160])
def test_every_size(size: int) -> None:
    images, points = photograph(0, torch.arange(3), torch.arange(3), size)
    assert images.shape == (3, 3, size, size)
    assert images.dtype == torch.uint8
    assert points.shape == (3, 5, 2)
    assert points.dtype == torch.float32
    assert 0 <= float(points.min()) <= float(points.max()) <= size - 1
    assert float(images.float().std()) > 20


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 1000)), min_size=1, max_size=9), st.data())
@settings(max_examples=8, deadline=None)
def test_bytes_do_not_depend_on_the_company(shots: list[tuple[int, int]], data: st.DataObject) -> None:
    people, photos = torch.tensor(shots).unbind(1)
    images, points = photograph(5, people, photos, 33)
    chosen = data.draw(st.integers(0, len(shots) - 1))
    image, point = photograph(5, people[chosen : chosen + 1], photos[chosen : chosen + 1], 33)
    assert torch.equal(image[0], images[chosen])
    assert torch.equal(point[0], points[chosen])


@pytest.mark.usefixtures("two_threads")
def test_bytes_do_not_depend_on_threads() -> None:
    numbers = torch.arange(24)
    images, points = photograph(0, numbers, numbers, 67)
    torch.set_num_threads(1)
    again, points_again = photograph(0, numbers, numbers, 67)
    assert torch.equal(images, again)
    assert torch.equal(points, points_again)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(4)
    photograph(0, torch.arange(2), torch.arange(2), 32)
    drawn = torch.rand(1)
    torch.manual_seed(4)
    assert torch.equal(drawn, torch.rand(1))


def test_this_world_has_not_changed() -> None:
    """Runs are compared on the same people, so only an intended change of the faces may change these numbers."""
    images, points = photograph(0, torch.tensor([0, 10_000]), torch.tensor([0, 3]), 32)
    means = images.float().reshape(2, 3, 2, 16, 2, 16).mean((3, 5)).flatten().tolist()
    np.testing.assert_allclose(means, MEANS, atol=0.5)
    np.testing.assert_allclose(points[0].flatten().tolist(), POINTS, atol=1e-2)


def project(person: dict[str, float], photo: dict[str, float], size: int) -> list[tuple[float, float]]:
    """The five landmarks of one face in plain float64, one point at a time."""

    def depth(x: float, y: float) -> float:
        return 0.42 * math.sqrt(max(1 - (x / person["head_width"]) ** 2 - 0.5 * y * y, 0.05))

    def turned(x: float, y: float, z: float) -> tuple[float, float]:
        across = x * math.cos(photo["yaw"]) + z * math.sin(photo["yaw"])
        forward = z * math.cos(photo["yaw"]) - x * math.sin(photo["yaw"])
        return across, y * math.cos(photo["pitch"]) + forward * math.sin(photo["pitch"])

    def on_canvas(x: float, y: float) -> tuple[float, float]:
        turn = complex(math.cos(photo["roll"]), math.sin(photo["roll"]))
        spot = complex(x, y) * turn * photo["scale"] + complex(photo["shift_x"], photo["shift_y"])
        return (spot.real + 1) * size / 2 - 0.5, (spot.imag + 1) * size / 2 - 0.5

    eye_y, spread = person["eye_height"], person["eye_spread"]
    nose_y = eye_y + person["nose_length"]
    mouth_y = nose_y + person["mouth_gap"]
    middle_x, middle_y = turned(0, mouth_y, depth(0, mouth_y) + 0.04)
    half = person["mouth_width"] * (1 + 0.15 * photo["smile"] - 0.1 * photo["mouth_open"]) * math.cos(photo["yaw"])
    corner_y = middle_y - 0.045 * photo["smile"]
    spots = [turned(-spread, eye_y, depth(spread, eye_y)), turned(spread, eye_y, depth(spread, eye_y))]
    spots += [turned(0, nose_y, depth(0, nose_y) + 0.16), (middle_x - half, corner_y), (middle_x + half, corner_y)]
    return [on_canvas(*spot) for spot in spots]


def test_landmarks_are_those_of_plain_geometry() -> None:
    numbers = torch.arange(40)
    people, photos = draw_people(0, numbers), draw_photos(0, numbers, numbers)
    found = landmarks(people, photos, place(people, photos), 112)
    for index in range(40):
        person = {name: float(getattr(people, name)[index]) for name in
                  ("head_width", "eye_height", "eye_spread", "nose_length", "mouth_gap", "mouth_width")}  # fmt: skip
        photo = {name: float(getattr(photos, name)[index]) for name in
                 ("yaw", "pitch", "roll", "scale", "shift_x", "shift_y", "smile", "mouth_open")}  # fmt: skip
        np.testing.assert_allclose(found[index].numpy(), project(person, photo, 112), atol=2e-3)


def blank_faces(count: int = 12) -> tuple[People, CartoonPhotos, Tensor, Tensor]:
    """People who look straight into the camera with open eyes, white canvases, and the landmarks."""
    numbers = torch.arange(count)
    people = draw_people(0, numbers)
    photos = draw_photos(0, numbers, numbers)
    photos = replace(photos, gaze=torch.zeros(count), squint=torch.full((count,), 2.5), glasses=torch.ones(count))
    people = replace(people, eye_tilt=torch.zeros(count), brow_thick=torch.zeros(count), skin=torch.ones(count, 3))
    return people, photos, torch.ones(count, 3, SIZE, SIZE), landmarks(people, photos, place(people, photos), SIZE)


def centre(weights: Tensor) -> tuple[float, float]:
    """The centre of mass ``(x, y)`` of ``(H, W)`` weights, in pixels from the centre of the top left one."""
    line = torch.arange(SIZE, dtype=torch.float64)
    total = weights.double().sum()
    return float((weights.sum(0) * line).sum() / total), float((weights.sum(1) * line).sum() / total)


def test_pupils_are_at_the_eye_landmarks() -> None:
    people, photos, canvas, points = blank_faces()
    spots = place(people, photos)
    black = replace(people, iris=torch.ones(12, 3), skin=torch.full((12, 3), 4.0))
    paint_eyes(canvas, head_grid(photos, spots, SIZE)[1], black, photos, spots)
    dark = (0.5 - canvas[:, 0]).clamp(min=0)
    columns = torch.arange(SIZE)
    for index in range(12):
        middle = float(points[index, :2, 0].mean())
        for eye, half in ((0, columns < middle), (1, columns >= middle)):
            found = centre(dark[index] * half)
            assert math.dist(found, points[index, eye].tolist()) < 0.75


def test_the_nose_landmark_is_between_the_nostrils() -> None:
    people, photos, canvas, points = blank_faces()
    spots = place(people, photos)
    paint_nose(canvas, head_grid(photos, spots, SIZE)[1], people, spots)
    dark = (0.5 - canvas[:, 0]).clamp(min=0)
    for index in range(12):
        x, y = centre(dark[index])
        up = torch.stack([-spots.sine, spots.cosine], 1)[index] * 0.025 * float(photos.scale[index]) * SIZE / 2
        assert math.dist((x, y), (points[index, 2] + up).tolist()) < 0.75


def test_mouth_corners_are_where_the_lips_end() -> None:
    people, photos, canvas, points = blank_faces()
    photos = replace(photos, roll=torch.zeros(12))
    spots = place(people, photos)
    points = landmarks(people, photos, spots, SIZE)
    paint_mouth(canvas, head_grid(photos, spots, SIZE)[1], people, photos, spots)
    for index in range(12):
        rows, columns = torch.nonzero((canvas[index, 1] < 0.97), as_tuple=True)
        left, right = int(columns.argmin()), int(columns.argmax())
        assert abs(int(columns[left]) - float(points[index, 3, 0])) < 4
        assert abs(int(columns[right]) - float(points[index, 4, 0])) < 4
        lips_y = float(rows[columns == columns[left]].float().mean())
        assert abs(lips_y - float(points[index, 3, 1])) < 4


def test_left_is_the_viewers_left() -> None:
    _, points = photograph(0, torch.arange(100), torch.zeros(100, dtype=torch.int64), 64)
    assert bool((points[:, 0, 0] < points[:, 1, 0]).all())
    assert bool((points[:, 3, 0] < points[:, 4, 0]).all())
    assert bool((points[:, :2, 1].mean(1) < points[:, 2, 1]).all())
    assert bool((points[:, 2, 1] < points[:, 3:, 1].mean(1)).all())


def test_yaw_moves_the_nose_further_than_the_eyes() -> None:
    numbers = torch.zeros(2, dtype=torch.int64)
    people, photos = draw_people(0, numbers), draw_photos(0, numbers, numbers)
    photos = replace(photos, yaw=torch.tensor([0.0, 0.3]), pitch=torch.zeros(2), roll=torch.zeros(2))
    points = landmarks(people, photos, place(people, photos), 100)
    moved = points[1, :, 0] - points[0, :, 0]
    assert float(moved[2]) > float(moved[:2].mean()) + 1
    assert float(moved.min()) > 0
