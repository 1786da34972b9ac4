"""Paints posed people into photos: background, shoulders, hair, head, features, light, camera."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.faces.synthetic.people import People
from maskrec.faces.synthetic.photos import CLUTTER, Photos
from maskrec.faces.synthetic.pose import Spots, smile_lift, smile_stretch
from maskrec.faces.synthetic.shapes import Grid, band, column, ellipse, paint, soft


def paint_background(canvas: Tensor, grid: Grid, photos: Photos) -> None:
    """A gradient from top to bottom with discs in random colours."""
    part = (grid.y[:, None] + 1) * 0.5
    top, bottom = photos.background[:, 0, :, None, None], photos.background[:, 1, :, None, None]
    canvas.copy_(top + (bottom - top) * part)
    for index in range(CLUTTER):
        x, y, width, height, *_ = photos.clutter[:, index].unbind(1)
        cover = ellipse(
            grid, column(2 * x - 1), column(2 * y - 1), column(0.1 + 0.5 * width), column(0.1 + 0.5 * height)
        )
        paint(canvas, cover, photos.clutter[:, index, 4:7])


def paint_body(canvas: Tensor, grid: Grid, people: People, photos: Photos) -> None:
    """Neck and shoulders."""
    zero = torch.zeros_like(grid.pixel)
    paint(canvas, ellipse(grid, zero, zero + 1.25, zero + 0.85, zero + 0.42), photos.clothes)
    paint(
        canvas, ellipse(grid, zero, column(people.chin), column(people.head_width * 0.55), zero + 0.35),
        people.skin * 0.8,
    )  # fmt: skip


def head_cover(grid: Grid, people: People, spots: Spots, grow: Tensor) -> Tensor:
    """Coverage of the head's outline, grown by ``grow`` ``(B, 1, 1)`` (a share)."""
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


def paint_eyes(canvas: Tensor, grid: Grid, people: People, photos: Photos, spots: Spots, glasses: Tensor) -> None:
    """Eyes, lids, brows and glasses, left and right at once in coordinates that grow outwards."""
    right = (grid.x > column(spots.bridge_x)).float()
    left = 1 - right
    pick = lambda pair: column(pair[:, 0]) * left + column(pair[:, 1]) * right  # noqa: E731
    side = right - left
    x = (grid.x - pick(spots.eye_x)).mul_(side).div_(pick(spots.eye_squeeze))
    y = grid.y - pick(spots.eye_y)
    half = column(people.eye_width)
    open_ = column(people.eye_open * photos.squint)
    lean = y + column(people.eye_tilt) * x
    bow = 1 - (x * x) / (half * half)
    almond = soft(torch.minimum(lean + bow * open_, bow * open_ * 0.8 - lean), grid.pixel)
    paint(canvas, almond, torch.full((len(half), 3), 0.93))
    local = Grid(x - column(photos.gaze) * side, y, grid.pixel)
    zero = torch.zeros_like(half)
    iris = column(people.iris_size)
    paint(canvas, ellipse(local, zero, zero, iris, iris).minimum(almond), people.iris)
    paint(
        canvas, ellipse(local, zero, zero, iris * 0.45, iris * 0.45).minimum(almond), torch.full((len(half), 3), 0.03)
    )
    lid = soft(0.012 * bow.clamp(min=0) + 0.004 - (lean + bow * open_).abs(), grid.pixel) * (bow > -0.1)
    paint(canvas, lid, people.skin * 0.25)
    brow = Grid(x, y + column(people.brow_gap + photos.brow_raise) + column(people.brow_tilt) * x, grid.pixel)
    paint(
        canvas,
        band(brow, zero, zero, column(people.brow_width), column(people.brow_thick), column(people.brow_arch)),
        people.hair * 0.7,
    )
    wide, high = column(people.glasses_width), column(people.glasses_height)
    radius = (x / wide).pow(2) + (y / high).pow(2)
    rim = soft(0.018 - ((1 - radius) * (high * 0.5)).abs(), grid.pixel) * column(glasses)
    paint(canvas, rim, photos.frame)


def paint_nose_and_mouth(canvas: Tensor, grid: Grid, people: People, photos: Photos, spots: Spots) -> None:
    """Nose with its bridge and nostrils; lips, opening and smile."""
    shade = people.skin * 0.72
    zero = torch.zeros_like(grid.pixel)
    along = ((grid.y - column(spots.bridge_y)) / column(spots.nose_y - spots.bridge_y)).clamp(0, 1)
    centre = column(spots.bridge_x) + column(spots.nose_x - spots.bridge_x) * along
    inside = (grid.y - column(spots.bridge_y)).minimum(column(spots.nose_y) - grid.y)
    flank = column(people.nose_bridge) - (grid.x - centre).abs()
    paint(canvas, soft(flank.minimum(inside), grid.pixel * 2) * 0.6, people.skin * 0.85)
    nose = Grid(grid.x - column(spots.nose_x), grid.y - column(spots.nose_y), grid.pixel)
    wide = column(people.nose_width)
    paint(canvas, ellipse(nose, zero, zero, wide, wide * 0.55), shade)
    paint(canvas, ellipse(nose, zero, zero - wide * 0.15, wide * 0.75, wide * 0.4), people.skin * 0.97)
    half = column(people.mouth_width * smile_stretch(photos) * spots.mouth_squeeze)
    curve = -column(smile_lift(photos)) / (half * half)
    mouth = Grid(grid.x - column(spots.mouth_x), grid.y - column(spots.mouth_y), grid.pixel)
    gape = column(photos.mouth_open) * 0.04
    upper, lower = column(people.lip_upper), column(people.lip_lower)
    paint(canvas, band(mouth, zero, (lower - upper) * 0.5, half, (upper + lower) + gape, curve), people.lip_color)
    paint(canvas, band(mouth, zero, zero, half * 0.92, gape + 0.012, curve), people.lip_color * 0.35)


def paint_hair(canvas: Tensor, grid: Grid, line: Tensor, curve: Tensor, head: Tensor, color: Tensor) -> None:
    """Hair over the forehead: what lies above the hairline within ``head``."""
    edge = column(line) + column(curve) * grid.x * grid.x - grid.y
    paint(canvas, soft(edge, grid.pixel).minimum(head), color)
