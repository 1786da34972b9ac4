"""Showing the network only the upper face: the other cheap alternative to drawn masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.moved_landmarks import dividing_line, needed_landmarks
from maskrec.transforms.ranges import probability_problems, range_problems, refuse

_LEAST_SIDE = 4.0


class UpperFaceCrop:
    """Crops a square above a line across the nose from some faces and enlarges it to the canvas.

    The part that a mask leaves free, after Hariri, "Efficient masked face recognition method during the COVID-19
    pandemic" (2022), and Li et al., "Cropping and attention based approach for masked face recognition" (2021). A
    geometric transform: ``images``, ``clean`` and ``landmarks`` move together (the mouth's landmarks then lie below the
    canvas) and ``masked`` stays, so place it before transforms that hide faces. The square reaches from the line to the
    canvas's upper edge, about the middle between the eyes; the face is assumed to be upright. Photos are evaluated
    uncropped: with a probability of 1 a network never sees in training what it is evaluated on.

    Args:
        probability: probability that a face is cropped, 0 to 1.
        height: range of the line's height on the nose, drawn evenly: 0 its tip, 1 the line between the eyes; within 0
            to 0.8.

    Raises:
        ValueError: a probability or range out of bounds.
    """

    needs_landmarks = True

    def __init__(self, probability: float = 0.5, height: tuple[float, float] = (0.3, 0.6)) -> None:
        refuse(self.check({"probability": probability, "height": height}, CheckContext()))
        self.probability, self.height = probability, (height[0], height[1])

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check that everything is within its bounds."""
        yield from probability_problems(values)
        yield from range_problems("height", values["height"], 0.0, 0.8)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with some of its faces cropped.

        Raises:
            UsageError: the batch has no landmarks.
        """
        landmarks = needed_landmarks(batch, "upper_face_crop")
        height, width = batch.images.shape[2:]
        cropped = draws.uniform("crop") < self.probability
        low, high = self.height
        line = dividing_line(landmarks, low + (high - low) * draws.uniform("height"))
        side = (line.y + 0.5).clamp(_LEAST_SIDE, min(height, width))
        left = (line.x + 0.5 - 0.5 * side).clamp(min=0.0)
        left = torch.minimum(left, width - side)
        ratio_x, ratio_y = side / width, side / height
        images = _cut(batch.images, left, ratio_x, ratio_y)
        clean = _cut(batch.clean.to(torch.float32), left, ratio_x, ratio_y).round().to(torch.uint8)
        moved_x = (landmarks[..., 0] + 0.5 - left[:, None]) / ratio_x[:, None] - 0.5
        moved_y = (landmarks[..., 1] + 0.5) / ratio_y[:, None] - 0.5
        return replace(
            batch,
            images=torch.where(cropped[:, None, None, None], images.clamp(0.0, 1.0), batch.images),
            clean=torch.where(cropped[:, None, None, None], clean, batch.clean),
            landmarks=torch.where(cropped[:, None, None], torch.stack([moved_x, moved_y], 2), landmarks),
        )


def _cut(images: Tensor, left: Tensor, ratio_x: Tensor, ratio_y: Tensor) -> Tensor:
    """Rectangles from the upper edge, ``left`` pixels from the left one, resized to the whole canvas (bilinear)."""
    count, _, height, width = images.shape
    x = (torch.arange(width, dtype=torch.float32, device=images.device) + 0.5) * ratio_x[:, None] + left[:, None]
    y = (torch.arange(height, dtype=torch.float32, device=images.device) + 0.5) * ratio_y[:, None]
    grid_x = (x * (2.0 / width) - 1.0)[:, None, :].expand(count, height, width)
    grid_y = (y * (2.0 / height) - 1.0)[:, :, None].expand(count, height, width)
    grid = torch.stack([grid_x, grid_y], 3).to(images.dtype)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
