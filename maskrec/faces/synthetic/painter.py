"""Paints everything but the features: background, shoulders, hair, ears and the head's outline."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.faces.synthetic.cartoon_photos import CLUTTER, CartoonPhotos
from maskrec.faces.synthetic.hair import Hair
from maskrec.faces.synthetic.people import People
from maskrec.faces.synthetic.pose import Spots
from maskrec.faces.synthetic.shapes import Grid, column, ellipse, paint, soft


def paint_background(canvas: Tensor, grid: Grid, photos: CartoonPhotos) -> None:
    """A gradient from top to bottom with discs in random colours."""
    part = (grid.y[:, None] + 1) * 0.5
    top, bottom = photos.background[:, 0, :, None, None], photos.background[:, 1, :, None, None]
    canvas.copy_(top + (bottom - top) * part)
    for index in range(CLUTTER):
        x, y, width, height = (column(values) for values in photos.clutter[:, index, :4].unbind(1))
        paint(
            canvas,
            ellipse(grid, 2 * x - 1, 2 * y - 1, 0.08 + 0.5 * width, 0.08 + 0.5 * height),
            photos.clutter_color[:, index],
        )


def paint_behind(canvas: Tensor, grid: Grid, people: People, photos: CartoonPhotos, hair: Hair) -> None:
    """Hair behind the head, neck and shoulders."""
    zero = torch.zeros_like(grid.pixel)
    volume, length = column(hair.volume), column(hair.length)
    wide = column(people.head_width) + volume
    paint(canvas, ellipse(grid, zero, length * 0.35 - 0.12, wide, 0.52 + 0.4 * length + volume), hair.color * 0.75)
    paint(
        canvas,
        ellipse(grid, zero, column(people.chin), column(people.head_width) * 0.55, zero + 0.45),
        people.skin * 0.78,
    )
    paint(canvas, ellipse(grid, zero, zero + 1.28, zero + 0.8, zero + 0.4), photos.clothes)


def paint_ears(canvas: Tensor, grid: Grid, people: People, photos: CartoonPhotos, spots: Spots) -> None:
    """Both ears at once, in the distance from the head's middle line."""
    beside = Grid((grid.x - column(spots.ear_x)).abs_(), grid.y, grid.pixel)
    high = column(people.ear_size)
    paint(canvas, ellipse(beside, column(people.head_width), column(spots.ear_y), high * 0.6, high), people.skin * 0.88)


def head_cover(grid: Grid, people: People, spots: Spots, grow: Tensor) -> Tensor:
    """Coverage of the head's outline, enlarged by ``grow`` ``(B, 1, 1)`` (a share)."""
    below = (grid.y - column(spots.lean_y)).clamp(min=0)
    down = below / (column(people.chin) * grow)
    down.add_((grid.y - column(spots.lean_y)).clamp_(max=0).div_(column(people.head_top) * grow))
    square = down * down
    low = below.clamp_(max=1)
    width = (1 - column(people.jaw_taper) * low * low * 1.6) * (column(people.head_width) * grow)
    across = (grid.x - column(spots.lean_x) * low) / width.clamp_(min=0.05)
    across.mul_(across)
    squareness = column(people.jaw_square) * low.mul_(2.5).clamp_(max=1)
    ring = (across + square) * (1 - squareness)
    ring.add_((across.mul_(across) + square.mul_(square)).mul_(squareness))
    return soft((1 - ring).mul_(column(people.head_width) * 0.5), grid.pixel)


def paint_fringe(canvas: Tensor, grid: Grid, people: People, spots: Spots, hair: Hair) -> None:
    """Hair over the forehead: the part above the hairline within a slightly larger head."""
    scalp = head_cover(grid, people, spots, 1 + column(hair.volume))
    edge = (grid.x * grid.x).mul_(column(hair.curve)).add_(column(hair.line)).sub_(grid.y)
    paint(canvas, soft(edge, grid.pixel).minimum(scalp), hair.color)
