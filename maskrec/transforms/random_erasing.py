"""Hiding a random rectangle."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.ranges import probability_problems, range_problems, refuse, value_problems


class RandomErasing:
    """Fills one random rectangle of an image (Zhong et al., "Random Erasing Data Augmentation", AAAI 2020).

    Changes ``images`` only. A rectangle is not a mask: ``masked`` stays unchanged, and masked faces are erased like
    others. A side longer than the image is cut to it, while the paper draws again.

    Args:
        probability: probability that a sample is erased, 0 to 1.
        area: range of the rectangle's share of the image, within 0 to 1.
        aspect: range of the ratio of height to width, drawn evenly in the logarithm, within 0.01 to 100.
        value: the fill: one gray value or red, green, blue, each in [0, 1].

    Raises:
        ValueError: a probability, range or value out of bounds.
    """

    def __init__(
        self,
        probability: float = 0.5,
        area: tuple[float, float] = (0.02, 0.33),
        aspect: tuple[float, float] = (0.3, 3.3),
        value: float | tuple[float, float, float] = 0.0,
    ) -> None:
        values = {"probability": probability, "area": area, "aspect": aspect, "value": value}
        refuse(self.check(values, CheckContext()))
        self.probability = probability
        self.area, self.aspect = tuple(area), tuple(aspect)
        self.value = (value,) * 3 if isinstance(value, int | float) else tuple(value)

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check that everything is within its bounds."""
        yield from probability_problems(values)
        yield from range_problems("area", values["area"], 0.0, 1.0)
        yield from range_problems("aspect", values["aspect"], 0.01, 100.0)
        yield from value_problems(values["value"])

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with a rectangle of some of its images filled."""
        height, width = batch.images.shape[2:]
        erased = draws.uniform("erase") < self.probability
        share, ratio, place = draws.uniform("area"), draws.uniform("aspect"), draws.uniform("place", (2,))
        pixels = (self.area[0] + (self.area[1] - self.area[0]) * share.double()) * (height * width)
        low, high = math.log(self.aspect[0]), math.log(self.aspect[1])
        aspect = (low + (high - low) * ratio.double()).exp()
        tall = (pixels * aspect).sqrt().round().clamp(1, height)
        wide = (pixels / aspect).sqrt().round().clamp(1, width)
        top = (place[:, 0] * (height - tall + 1)).floor()
        left = (place[:, 1] * (width - wide + 1)).floor()
        y = torch.arange(height, device=batch.images.device)
        x = torch.arange(width, device=batch.images.device)
        rows = (y >= top[:, None]) & (y < (top + tall)[:, None])
        columns = (x >= left[:, None]) & (x < (left + wide)[:, None])
        hidden = rows[:, None, :, None] & columns[:, None, None, :] & erased[:, None, None, None]
        fill = torch.tensor(self.value, dtype=batch.images.dtype, device=batch.images.device)[None, :, None, None]
        return replace(batch, images=torch.where(hidden, fill, batch.images))
