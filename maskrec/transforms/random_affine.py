"""Small rotations, scalings and shifts of faces, because detectors disagree on where a face is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.ranges import range_problems, refuse

_PADDING = {"edge": "border", "black": "zeros"}


class RandomAffine:
    """A similarity about the image's centre; ``images``, ``clean`` and landmarks move together.

    Args:
        degrees: largest angle in degrees, in both directions, 0 to 180; drawn evenly.
        scale: range of the factor, within 0.1 to 10, drawn evenly in the logarithm.
        shift: largest shift along each axis as a share of the image's side, 0 to 1; drawn evenly.
        fill: how pixels from beyond the image are filled: its ``edge`` repeated, or ``black``.

    Raises:
        ValueError: an angle, scale or shift out of its range.
    """

    def __init__(
        self,
        degrees: float = 8.0,
        scale: tuple[float, float] = (0.92, 1.1),
        shift: float = 0.04,
        fill: Literal["edge", "black"] = "edge",
    ) -> None:
        refuse(self.check({"degrees": degrees, "scale": scale, "shift": shift}, CheckContext()))
        self.degrees, self.scale, self.shift, self.fill = degrees, (scale[0], scale[1]), shift, fill

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check angle, scale and shift."""
        for name, most in (("degrees", 180), ("shift", 1)):
            if not 0.0 <= values[name] <= most:
                yield Problem(f"{name} must be from 0 to {most}, not {values[name]}", name)
        yield from range_problems("scale", values["scale"], 0.1, 10.0)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with each image moved by its own draws."""
        size = batch.images.shape[3]
        moves = self._draw(draws, size)
        grid = _grid(moves, batch.images.shape[2], size)
        clean = self._sample(batch.clean.to(torch.float32), grid).round_().clamp_(0.0, 255.0)
        return replace(
            batch,
            images=self._sample(batch.images, grid).clamp_(0.0, 1.0),
            clean=clean.to(torch.uint8),
            landmarks=None if batch.landmarks is None else _moved(batch.landmarks, moves, batch.images.shape[2], size),
        )

    def _draw(self, draws: Draws, size: int) -> tuple[Tensor, ...]:
        """Cosine and sine times the factor, and the shift right and down in pixels: ``(B,)`` each."""
        u = draws.uniform("affine", (4,)).to(torch.float64).unbind(1)
        low, high = self.scale
        factor = low * (high / low) ** u[0]
        angle = (2.0 * u[1] - 1.0) * math.radians(self.degrees)
        reach = self.shift * size
        moves = (factor * angle.cos(), factor * angle.sin(), (2 * u[2] - 1) * reach, (2 * u[3] - 1) * reach)
        return tuple(move.to(torch.float32) for move in moves)

    def _sample(self, images: Tensor, grid: Tensor) -> Tensor:
        return grid_sample(images, grid, "bilinear", _PADDING[self.fill], align_corners=True)


def _grid(moves: tuple[Tensor, ...], height: int, width: int) -> Tensor:
    """Where each pixel of the new images comes from: ``(B, H, W, 2)``; -1 and 1 are the outermost pixels' centres."""
    cosine, sine, right, down = (move[:, None, None] for move in moves)
    square = cosine * cosine + sine * sine
    x = torch.arange(width, dtype=torch.float32, device=cosine.device)[None, None, :] - (width - 1) / 2 - right
    y = torch.arange(height, dtype=torch.float32, device=cosine.device)[None, :, None] - (height - 1) / 2 - down
    back_x, back_y = (cosine * x + sine * y) / square, (cosine * y - sine * x) / square
    return torch.stack([back_x * (2 / max(1, width - 1)), back_y * (2 / max(1, height - 1))], 3)


def _moved(points: Tensor, moves: tuple[Tensor, ...], height: int, width: int) -> Tensor:
    cosine, sine, right, down = (move[:, None] for move in moves)
    x, y = points[..., 0] - (width - 1) / 2, points[..., 1] - (height - 1) / 2
    return torch.stack(
        [cosine * x - sine * y + right + (width - 1) / 2, sine * x + cosine * y + down + (height - 1) / 2], 2
    )
