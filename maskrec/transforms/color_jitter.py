"""Colour changes like those of cameras and light."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.ranges import range_problems, refuse

_LUMA = (0.299, 0.587, 0.114)
# RGB to YIQ (NTSC, 1953) and back: rotating I and Q about Y changes hues and keeps luma.
_YIQ = torch.tensor([_LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)], dtype=torch.float64)
_LIMITS = {"brightness": (0.0, 10.0), "contrast": (0.0, 10.0), "saturation": (0.0, 10.0), "hue": (-0.5, 0.5)}


class ColorJitter:
    """Brightness, contrast, saturation and hue, in this order; changes ``images`` only.

    Like torchvision's, but the order is fixed and hues are rotated in YIQ (linear) instead of HSV. Each step is clamped
    to [0, 1].

    Args:
        brightness: range of the factor on all values, or a number x for [max(0, 1 - x), 1 + x].
        contrast: range of the factor on the distance from the image's mean luma, or x likewise.
        saturation: range of the factor on the distance from a pixel's own luma, or x likewise.
        hue: range of the hue rotation in full circles within [-0.5, 0.5], or x for [-x, x].

    Raises:
        ValueError: a range that descends or is out of bounds.
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.2,
        contrast: float | tuple[float, float] = 0.2,
        saturation: float | tuple[float, float] = 0.2,
        hue: float | tuple[float, float] = 0.0,
    ) -> None:
        values = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        refuse(self.check(values, CheckContext()))
        self.ranges = {name: _range(name, value) for name, value in values.items()}

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check every range."""
        for name, (low, high) in _LIMITS.items():
            value = values[name]
            if isinstance(value, int | float) and not 0 <= value <= high:
                yield Problem(f"{name} as a number must be from 0 to {high:g}, not {value}", name)
            else:
                yield from range_problems(name, _range(name, value), low, high)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with each image's colours changed by its own draws."""
        images = batch.images
        factors = {name: self._draw(name, draws) for name in self.ranges}
        if (brightness := factors["brightness"]) is not None:
            images = (images * brightness).clamp(0.0, 1.0)
        if (contrast := factors["contrast"]) is not None:
            mean = _mean(_luma(images))
            images = (mean + (images - mean) * contrast).clamp(0.0, 1.0)
        if (saturation := factors["saturation"]) is not None:
            luma = _luma(images)
            images = (luma + (images - luma) * saturation).clamp(0.0, 1.0)
        if (turn := factors["hue"]) is not None:
            images = _turn_hues(images, turn).clamp(0.0, 1.0)
        return replace(batch, images=images)

    def _draw(self, name: str, draws: Draws) -> Tensor | None:
        """A number per sample, ``(B, 1, 1, 1)``; None where the range leaves images unchanged."""
        low, high = self.ranges[name]
        if low == high == (0.0 if name == "hue" else 1.0):
            return None
        return (low + (high - low) * draws.uniform(name))[:, None, None, None]


def _range(name: str, value: float | tuple[float, float] | list[float]) -> tuple[float, float]:
    if isinstance(value, int | float):
        return (-float(value), float(value)) if name == "hue" else (max(0.0, 1.0 - value), 1.0 + value)
    return tuple(value)  # type: ignore[return-value]


def _luma(images: Tensor) -> Tensor:
    red, green, blue = images.unbind(1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue)[:, None]


def _mean(luma: Tensor) -> Tensor:
    """Mean of each ``(1, H, W)``, summed in integers so that neither the batch nor threads change its last bit."""
    total = (luma.to(torch.float32) * 2.0**24).round().to(torch.int64).sum((1, 2, 3))
    return (total.to(torch.float64) / (2.0**24 * luma[0].numel())).to(luma.dtype)[:, None, None, None]


def _turn_hues(images: Tensor, turn: Tensor) -> Tensor:
    angle = turn.flatten().to(torch.float64) * (2.0 * math.pi)
    cosine, sine = angle.cos(), angle.sin()
    yiq = _YIQ.to(images.device)
    back = torch.linalg.inv(_YIQ).to(images.device)
    # Row by row instead of a matrix product, whose order of summing depends on the batch.
    i_row = cosine[:, None] * yiq[1] - sine[:, None] * yiq[2]
    q_row = sine[:, None] * yiq[1] + cosine[:, None] * yiq[2]
    red, green, blue = images.unbind(1)
    channels = []
    for channel in range(3):
        row = back[channel, 0] * yiq[0] + back[channel, 1] * i_row + back[channel, 2] * q_row
        weights = row.to(images.dtype)[:, :, None, None]
        channels.append(weights[:, 0] * red + weights[:, 1] * green + weights[:, 2] * blue)
    return torch.stack(channels, 1)
