"""The lower face cut out and the upper face cropped, against loops in float64."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.contracts.sample import Batch
from maskrec.faces.alignment import arcface_template
from maskrec.transforms.lower_face_cutout import LowerFaceCutout
from maskrec.transforms.upper_face_crop import UpperFaceCrop

SIZE = 40


def _batch(landmarks: Tensor, height: int = SIZE, width: int = SIZE) -> Batch:
    count = len(landmarks)
    clean = torch.randint(1, 255, (count, 3, height, width), generator=torch.Generator().manual_seed(1)).byte()
    return Batch(
        images=clean.float() / 255,
        clean=clean,
        labels=torch.zeros(count, dtype=torch.int64),
        landmarks=landmarks,
        masked=torch.zeros(count, dtype=torch.bool),
        indices=torch.arange(count),
        epoch=0,
        step=0,
    )


def _tilted(degrees: float) -> Tensor:
    """The template's points turned about the picture's middle."""
    points, angle = arcface_template(SIZE) - (SIZE - 1) / 2, math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return torch.tensor(points @ turn.T + (SIZE - 1) / 2, dtype=torch.float32)


def _draws(count: int) -> SeededDraws:
    return SeededDraws(5, 0, "part", torch.arange(count))


def test_the_cutout_hides_everything_below_the_line() -> None:
    batch = _batch(torch.stack([_tilted(angle) for angle in (-30, -10, 0, 15, 40, 180)]))
    result = LowerFaceCutout(1.0, (0.2, 0.7), (1.0, 0.0, 1.0))(batch, _draws(6))
    assert batch.landmarks is not None
    assert result.masked.all()
    heights = (0.2 + 0.5 * _draws(6).uniform("height")).double().numpy()
    for i, points in enumerate(batch.landmarks.double().numpy()):
        eyes, across = (points[0] + points[1]) / 2, points[1] - points[0]
        down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
        far = (points[2] - eyes) @ down * (1 - heights[i])
        hidden = 0
        for y in range(SIZE):
            for x in range(SIZE):
                beyond = (np.array([x, y]) - eyes) @ down - far
                if abs(beyond) < 1e-3:
                    continue
                expected = torch.tensor([1.0, 0.0, 1.0]) if beyond > 0 else batch.images[i, :, y, x]
                assert torch.equal(result.images[i, :, y, x], expected)
                hidden += beyond > 0
        assert hidden > 300


def test_the_cutout_leaves_masked_faces_and_the_unlucky() -> None:
    batch = _batch(torch.tensor(arcface_template(SIZE), dtype=torch.float32).expand(60, 5, 2).clone())
    batch.masked = torch.arange(60) % 3 == 0
    result = LowerFaceCutout(0.5)(batch, _draws(60))
    changed = (result.images != batch.images).flatten(1).any(1)
    assert torch.equal(result.masked, batch.masked | changed)
    assert not changed[batch.masked].any()
    assert 10 < int(changed.sum()) < 30
    assert (result.images[changed][:, :, -1] == 0).all()


def test_the_crop_against_a_loop() -> None:
    points = torch.tensor(arcface_template(SIZE), dtype=torch.float32) + torch.randn(
        12, 5, 2, generator=torch.Generator().manual_seed(2)
    )
    batch = _batch(points, SIZE, SIZE + 8)
    result = UpperFaceCrop(0.6, (0.1, 0.7))(batch, _draws(12))
    assert batch.landmarks is not None
    assert result.landmarks is not None
    cropped = _draws(12).uniform("crop") < 0.6
    heights = (0.1 + 0.6 * _draws(12).uniform("height")).double().numpy()
    assert 3 < int(cropped.sum()) < 11
    for i in range(12):
        if not cropped[i]:
            assert torch.equal(result.images[i], batch.images[i])
            assert torch.equal(result.clean[i], batch.clean[i])
            assert torch.equal(result.landmarks[i], batch.landmarks[i])
            continue
        face = batch.landmarks[i].double().numpy()
        eyes, across = (face[0] + face[1]) / 2, face[1] - face[0]
        down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
        line = eyes + down * ((face[2] - eyes) @ down) * (1 - heights[i])
        side = line[1] + 0.5
        left = min(max(line[0] + 0.5 - side / 2, 0), SIZE + 8 - side)
        moved = (face + 0.5 - [left, 0]) * [(SIZE + 8) / side, SIZE / side] - 0.5
        assert np.allclose(result.landmarks[i].numpy(), moved, atol=1e-3)
        for x, y in ((0, 0), (7, 30), (SIZE + 7, SIZE - 1), (20, 20), (33, 5)):
            at_x = (x + 0.5) * side / (SIZE + 8) + left - 0.5
            at_y = (y + 0.5) * side / SIZE - 0.5
            expected = _bilinear(batch.images[i].double().numpy(), at_x, at_y)
            assert np.allclose(result.images[i, :, y, x].numpy(), expected, atol=1e-3)
            assert np.abs(result.clean[i, :, y, x].numpy() - expected * 255).max() < 0.6
    assert torch.equal(result.masked, batch.masked)


def _bilinear(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """The value between pixels; beyond the edge, that of the edge."""
    left, top = math.floor(x), math.floor(y)
    total = np.zeros(3)
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        weight = (1 - abs(x - column)) * (1 - abs(y - row))
        total += weight * image[:, min(max(row, 0), image.shape[1] - 1), min(max(column, 0), image.shape[2] - 1)]
    return total


@settings(max_examples=40, deadline=None)
@given(points=st.lists(st.floats(-1e6, 1e6, width=32), min_size=10, max_size=10), side=st.integers(4, 30))
def test_any_landmarks_give_pixels(points: list[float], side: int) -> None:
    batch = _batch(torch.tensor(points).reshape(1, 5, 2), side, side)
    for transform in (LowerFaceCutout(1.0), UpperFaceCrop(1.0)):
        result = transform(batch, _draws(1))
        assert torch.isfinite(result.images).all()
        assert 0 <= float(result.images.min()) <= float(result.images.max()) <= 1
        assert result.landmarks is not None
        assert torch.isfinite(result.landmarks).all()


def test_eyes_on_one_point_are_an_upright_face() -> None:
    points = torch.tensor([[[20.0, 10.0], [20.0, 10.0], [20.0, 18.0], [15.0, 25.0], [25.0, 25.0]]])
    result = LowerFaceCutout(1.0, (0.5, 0.5), 0.0)(_batch(points), _draws(1)).images
    assert (result[0, :, 14:] == 0).all()
    assert (result[0, :, :14] > 0).all()
