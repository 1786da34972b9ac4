"""Batches whose pixels say where they came from, so that what a transform has moved can be read off them.

``clean`` holds coordinates: red grows with the column, green with the row. ``images`` hold a pattern of their own.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from maskrec.contracts.sample import Batch
from maskrec.faces.alignment import arcface_template

MIRRORED = (1, 0, 2, 4, 3)
"""The landmark that each one becomes in a mirror."""

_PATTERN = 4  # pixels between its values: it looks different two pixels further


def coordinate_batch(count: int, size: int) -> Batch:
    """``count`` faces on a canvas of ``size`` pixels, every fifth of them masked, landmarks near the template."""
    generator = torch.Generator().manual_seed(7)
    ramp = torch.linspace(0, 255, size).round().to(torch.uint8)
    clean = torch.stack([ramp.expand(size, size), ramp[:, None].expand(size, size), torch.full((size, size), 90)])
    rough = torch.rand(count, 3, size // _PATTERN, size // _PATTERN, generator=generator)
    images = interpolate(rough, (size, size), mode="bicubic", align_corners=True).clamp(0.05, 0.95)
    points = torch.tensor(arcface_template(size), dtype=torch.float32) + torch.randn(count, 5, 2, generator=generator)
    numbers = torch.arange(count)
    return Batch(
        images=images,
        clean=clean.to(torch.uint8).repeat(count, 1, 1, 1),
        labels=numbers % 3,
        landmarks=points,
        masked=numbers % 5 == 4,
        indices=numbers * 3 + 1,
        epoch=0,
        step=0,
        positions=numbers + 17,
    )


def tensors_of(batch: Batch) -> dict[str, Tensor]:
    """The batch's tensors, by field."""
    found = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def rows_of(batch: Batch, rows: Tensor) -> Batch:
    """Some of its samples, in the order of ``rows``."""
    cut: dict[str, Any] = {name: value[rows].clone() for name, value in tensors_of(batch).items()}
    return replace(batch, **cut)


def sources(clean: Tensor) -> Tensor:
    """Where each pixel of moved ``clean`` faces came from: float32 ``(B, 2, H, W)``, x and y in pixels."""
    side = torch.tensor([clean.shape[3] - 1, clean.shape[2] - 1], dtype=torch.float32)
    return clean[:, :2].float() / 255 * side[:, None, None]


def source_of_points(places: Tensor, points: Tensor) -> Tensor:
    """``sources`` read at points ``(B, n, 2)`` between pixels: ``(B, n, 2)``; NaN for points beyond the canvas."""
    side = torch.tensor([places.shape[3] - 1, places.shape[2] - 1], dtype=torch.float32)
    grid = (2 * points.float() / side - 1)[:, None]
    found = grid_sample(places, grid, "bilinear", "border", align_corners=True)[:, :, 0].transpose(1, 2)
    beyond = ((points < 0) | (points > side)).any(-1, keepdim=True)
    return found.masked_fill(beyond, torch.nan)


def mirrored(places: Tensor) -> Tensor:
    """Whether each face was mirrored, bool ``(B,)``: left and right exchanged, however it was turned besides."""
    across = (places[..., :-1, 1:] - places[..., :-1, :-1]).flatten(2)
    down = (places[..., 1:, :-1] - places[..., :-1, :-1]).flatten(2)
    turned: Tensor = (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]).median(dim=1).values
    return turned < 0


def moved_as(places: Tensor, pattern: Tensor) -> Tensor:
    """A pattern ``(B, 3, H, W)`` moved as the faces with these ``sources`` were."""
    side = torch.tensor([places.shape[3] - 1, places.shape[2] - 1], dtype=torch.float32)
    return grid_sample(pattern, (2 * places.permute(0, 2, 3, 1) / side - 1), "bilinear", "border", align_corners=True)


def likeness(one: Tensor, other: Tensor) -> float:
    """Correlation of two batches of images, each image and channel less its own mean: 1 for the same, near 0 else."""
    a, b = (each.double() - each.double().mean(dim=(2, 3), keepdim=True) for each in (one, other))
    length = float(a.norm() * b.norm())
    return float((a * b).sum()) / length if length > 0 else 0.0
