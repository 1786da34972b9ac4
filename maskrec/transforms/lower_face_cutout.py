"""Hiding the lower face with a flat colour: the cheap alternative to drawn masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.moved_landmarks import dividing_line, needed_landmarks
from maskrec.transforms.ranges import probability_problems, range_problems, refuse, value_problems


class LowerFaceCutout:
    """Fills everything below a line across the nose with one colour, on some faces.

    Cutout (DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017) where a
    mask would be: often used for training masked recognition instead of masks. Changes ``images`` and ``masked``; faces
    that are already masked stay as they are. The line is parallel to the eyes' line.

    Args:
        probability: probability that a bare face is filled, 0 to 1.
        height: range of the line's height on the nose, drawn evenly: 0 its tip, 1 the line between the eyes; within 0
            to 0.8.
        value: the fill: one gray value or red, green, blue, each in [0, 1].

    Raises:
        ValueError: a probability, range or value out of bounds.
    """

    needs_landmarks = True
    sets_masked = True

    def __init__(
        self,
        probability: float = 0.5,
        height: tuple[float, float] = (0.3, 0.6),
        value: float | tuple[float, float, float] = 0.0,
    ) -> None:
        refuse(self.check({"probability": probability, "height": height, "value": value}, CheckContext()))
        self.probability, self.height = probability, (height[0], height[1])
        self.value = (value,) * 3 if isinstance(value, int | float) else tuple(value)

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check that everything is within its bounds."""
        yield from probability_problems(values)
        yield from range_problems("height", values["height"], 0.0, 0.8)
        yield from value_problems(values["value"])

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with the lower part of some of its bare faces filled.

        Raises:
            UsageError: the batch has no landmarks.
        """
        landmarks = needed_landmarks(batch, "lower_face_cutout")
        cut = (draws.uniform("cut") < self.probability) & ~batch.masked
        low, high = self.height
        line = dividing_line(landmarks, low + (high - low) * draws.uniform("height"))
        y = torch.arange(batch.images.shape[2], dtype=torch.float32, device=batch.images.device)[None, :, None]
        x = torch.arange(batch.images.shape[3], dtype=torch.float32, device=batch.images.device)[None, None, :]
        line_x, line_y, down_x, down_y = (part[:, None, None] for part in (line.x, line.y, line.down_x, line.down_y))
        below = (x - line_x) * down_x + (y - line_y) * down_y >= 0
        hidden = (below & cut[:, None, None])[:, None]
        fill = torch.tensor(self.value, dtype=batch.images.dtype, device=batch.images.device)[None, :, None, None]
        return replace(batch, images=torch.where(hidden, fill, batch.images), masked=batch.masked | cut)
