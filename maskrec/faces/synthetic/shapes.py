"""Soft shapes on a batch of canvases, and painting with them.

Only additions, multiplications, divisions, minima, maxima and comparisons touch pixels, each correctly rounded and
one at a time, so a photo's bytes depend neither on the photos beside it nor on threads or vector width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


def column(values: Tensor) -> Tensor:
    """``(B,)`` as ``(B, 1, 1)``, to meet ``(B, H, W)``."""
    return values[:, None, None]


def soft(inside: Tensor, pixel: Tensor | float) -> Tensor:
    """Coverage in [0, 1] of a signed distance that is positive inside; ``pixel`` is a pixel's side in its unit."""
    return (inside / pixel + 0.5).clamp_(0, 1)


@dataclass(frozen=True, slots=True)
class Grid:
    """Coordinates ``x``, ``y`` of every pixel ``(B, H, W)`` and a pixel's side ``(B, 1, 1)`` in the same unit."""

    x: Tensor
    y: Tensor
    pixel: Tensor

    def rows(self, first: int, last: int) -> Grid:
        """The rows ``first`` to ``last - 1`` only."""
        return Grid(self.x[:, first:last], self.y[:, first:last], self.pixel)


def ellipse(grid: Grid, x: Tensor, y: Tensor, half_width: Tensor, half_height: Tensor) -> Tensor:
    """Coverage ``(B, H, W)`` of upright ellipses; centres and half axes ``(B, 1, 1)``."""
    across = (grid.x - x) / half_width
    down = (grid.y - y) / half_height
    radius = across.mul_(across).add_(down.mul_(down))
    return soft((1 - radius).mul_(half_width.minimum(half_height) * 0.5), grid.pixel)


def band(grid: Grid, x: Tensor, y: Tensor, half_length: Tensor, half_thick: Tensor, curve: Tensor) -> Tensor:
    """Coverage of lens-shaped strokes along the parabola ``y + curve * (dx**2)``, thinning to nothing at both ends."""
    dx = grid.x - x
    square = dx.mul_(dx)
    centre = square * curve
    distance = (grid.y - y).sub_(centre).abs_()
    return soft((1 - square / (half_length * half_length)).mul_(half_thick).sub_(distance), grid.pixel)


def paint(canvas: Tensor, coverage: Tensor, color: Tensor) -> None:
    """Paint ``color`` ``(B, 3)`` or ``(B, 3, H, W)`` over ``canvas`` ``(B, 3, H, W)``, in place."""
    if color.dim() == 2:
        color = color[:, :, None, None]
    canvas.add_((color - canvas).mul_(coverage[:, None]))
