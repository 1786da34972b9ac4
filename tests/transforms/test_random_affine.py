"""Small moves of faces, against a loop in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from face_batches import random_batch
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.transforms.random_affine import RandomAffine

SIZE = 24


def _draws(count: int) -> SeededDraws:
    return SeededDraws(3, 0, "label", torch.arange(count))


def _matrix(draws: list[float], degrees: float, scale: tuple[float, float], shift: float) -> Tensor:
    """3 x 3, from old pixels to new ones, about the image's centre."""
    factor = scale[0] * (scale[1] / scale[0]) ** draws[0]
    angle = math.radians((2 * draws[1] - 1) * degrees)
    right, down = ((2 * draw - 1) * shift * SIZE for draw in draws[2:])
    centre = (SIZE - 1) / 2

    def move(x: float, y: float) -> Tensor:
        return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], dtype=torch.float64)

    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0], [0.0, 0.0, 1.0]],
        dtype=torch.float64,
    )
    return move(centre + right, centre + down) @ (turn * torch.tensor([factor, factor, 1.0])) @ move(-centre, -centre)


def _looked_up(image: Tensor, x: float, y: float, fill: str) -> Tensor:
    """Bilinear interpolation between the four nearest pixels."""
    total = torch.zeros(3, dtype=torch.float64)
    for column in (math.floor(x), math.floor(x) + 1):
        for row in (math.floor(y), math.floor(y) + 1):
            weight = (1 - abs(x - column)) * (1 - abs(y - row))
            inside = 0 <= column < SIZE and 0 <= row < SIZE
            if inside or fill == "edge":
                total += weight * image[:, min(max(row, 0), SIZE - 1), min(max(column, 0), SIZE - 1)].double()
    return total


@pytest.mark.parametrize("fill", ["edge", "black"])
def test_affine_against_a_loop(fill: str) -> None:
    batch, values = random_batch(3, SIZE), {"degrees": 30.0, "scale": (0.7, 1.4), "shift": 0.2}
    result = RandomAffine(**values, fill=fill)(batch, _draws(3))  # type: ignore[arg-type]
    assert result.landmarks is not None
    assert batch.landmarks is not None
    for i in range(3):
        matrix = _matrix(_draws(3).uniform("affine", (4,))[i].tolist(), **values)  # type: ignore[arg-type]
        back = torch.linalg.inv(matrix)
        for y in range(SIZE):
            for x in range(SIZE):
                place = back @ torch.tensor([x, y, 1.0], dtype=torch.float64)
                expected = _looked_up(batch.images[i], float(place[0]), float(place[1]), fill)
                assert (result.images[i, :, y, x] - expected).abs().max() < 1e-4
        points = torch.cat([batch.landmarks[i].double(), torch.ones(5, 1, dtype=torch.float64)], 1) @ matrix.T
        assert (result.landmarks[i] - points[:, :2]).abs().max() < 1e-4
    assert (result.images * 255 - result.clean).abs().max() < 0.502


def test_no_move_is_no_change() -> None:
    batch = random_batch(4, SIZE)
    result = RandomAffine(0.0, (1.0, 1.0), 0.0)(batch, _draws(4))
    assert torch.equal(result.clean, batch.clean)
    assert (result.images - batch.images).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"degrees": 181.0}, "degrees must be from 0 to 180"),
        ({"shift": -0.1}, "shift must be from 0 to 1"),
        ({"scale": (1.2, 0.8)}, "scale must be two ascending numbers"),
        ({"scale": (0.0, 1.0)}, "from 0.1 to 10"),
    ],
)
def test_refuses_what_is_out_of_range(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RandomAffine(**values)
