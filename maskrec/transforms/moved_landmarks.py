"""The common part of transforms that use landmarks: requesting them, and the upper edge of what a mask hides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.contracts.sample import Batch


def needed_landmarks(batch: Batch, transform: str) -> Tensor:
    """The batch's landmarks ``(B, 5, 2)``.

    Raises:
        UsageError: it has none.
    """
    if batch.landmarks is None:
        raise UsageError(
            f"{transform} needs landmarks, but the data has none: add landmark columns or a landmarks file to it"
        )
    return batch.landmarks


@dataclass(frozen=True, slots=True)
class Line:
    """A line per face; every field ``(B,)`` float32.

    Args:
        x, y: a point on it, below the middle between the eyes, in pixels.
        down_x, down_y: unit vector across it, towards the mouth.
    """

    x: Tensor
    y: Tensor
    down_x: Tensor
    down_y: Tensor


def dividing_line(landmarks: Tensor, height: Tensor) -> Line:
    """The line parallel to the eyes' that crosses the nose at a height.

    Args:
        landmarks: ``(B, 5, 2)`` in pixels.
        height: ``(B,)``, 0 at the nose's tip, 1 at the line between the eyes.
    """
    eyes = 0.5 * (landmarks[:, 0] + landmarks[:, 1])
    across = landmarks[:, 1] - landmarks[:, 0]
    length = (across[:, 0] ** 2 + across[:, 1] ** 2).sqrt()
    # Coinciding eyes: assume an upright face.
    flat = length < 1e-6
    down_x = torch.where(flat, 0.0, -across[:, 1] / length.clamp(min=1e-6))
    down_y = torch.where(flat, 1.0, across[:, 0] / length.clamp(min=1e-6))
    nose = landmarks[:, 2] - eyes
    # A nose above the eyes is a wrong landmark: the line is then the eyes' own.
    far = (nose[:, 0] * down_x + nose[:, 1] * down_y).clamp(min=0.0) * (1.0 - height)
    return Line(eyes[:, 0] + far * down_x, eyes[:, 1] + far * down_y, down_x, down_y)
