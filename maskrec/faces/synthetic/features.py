"""Paints the features of a face: eyes and brows above, nose and mouth below."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.faces.synthetic.cartoon_photos import CartoonPhotos
from maskrec.faces.synthetic.people import People
from maskrec.faces.synthetic.pose import Spots, smile_lift, smile_stretch
from maskrec.faces.synthetic.shapes import Grid, band, column, ellipse, paint, soft

WITH_GLASSES = 0.25


def _eye_grid(grid: Grid, spots: Spots) -> tuple[Grid, Tensor]:
    """Coordinates from the nearer eye's centre, x growing outwards, so that both eyes are painted at once; the side
    (-1 the viewer's left, 1 right) of every pixel."""
    right = (grid.x > column(spots.bridge_x)).float()
    left = 1 - right

    def pick(pair: Tensor) -> Tensor:
        return column(pair[:, 0]) * left + column(pair[:, 1]) * right

    side = right - left
    outwards = (grid.x - pick(spots.eye_x)).mul_(side).div_(pick(spots.eye_squeeze))
    return Grid(outwards, grid.y - pick(spots.eye_y), grid.pixel), side


def paint_eyes(canvas: Tensor, grid: Grid, people: People, photos: CartoonPhotos, spots: Spots) -> None:
    """Eyeballs within almond-shaped lids, irises that look aside, brows, and glasses on some days."""
    eye, side = _eye_grid(grid, spots)
    half, open_ = column(people.eye_width), column(people.eye_open * photos.squint)
    lean = eye.y + column(people.eye_tilt) * eye.x
    bow = (1 - (eye.x * eye.x).div_(half * half)).mul_(open_)
    almond = soft((lean + bow).minimum(bow * 0.8 - lean), grid.pixel)
    paint(canvas, almond, torch.full_like(people.skin, 0.93))
    zero, iris = torch.zeros_like(half), column(people.iris_size)
    looking = Grid(eye.x - column(photos.gaze) * side, eye.y, grid.pixel)
    paint(canvas, ellipse(looking, zero, zero, iris, iris).minimum(almond), people.iris)
    pupil = ellipse(looking, zero, zero, iris * 0.45, iris * 0.45).minimum(almond)
    paint(canvas, pupil, torch.full_like(people.skin, 0.03))
    lid = soft(bow.clamp(min=0).mul_(0.2).add_(0.004).sub_((lean + bow).abs_()), grid.pixel)
    paint(canvas, lid.mul_(bow > -0.004), people.skin * 0.25)
    _paint_brows(canvas, eye, people, photos)
    _paint_glasses(canvas, eye, people, photos)


def _paint_brows(canvas: Tensor, eye: Grid, people: People, photos: CartoonPhotos) -> None:
    rise = column(people.brow_gap + photos.brow_raise)
    brow = Grid(eye.x, (eye.x * column(people.brow_tilt)).add_(eye.y).add_(rise), eye.pixel)
    zero = torch.zeros_like(rise)
    cover = band(brow, zero, zero, column(people.brow_width), column(people.brow_thick), column(people.brow_arch))
    paint(canvas, cover, people.hair * 0.7)


def _paint_glasses(canvas: Tensor, eye: Grid, people: People, photos: CartoonPhotos) -> None:
    wide, high = column(people.glasses_width), column(people.glasses_height)
    across, down = eye.x / wide, eye.y / high
    ring = (1 - across.mul_(across).add_(down.mul_(down))).mul_(high * 0.5).abs_()
    worn = (photos.glasses < WITH_GLASSES).float()
    paint(canvas, soft(0.018 - ring, eye.pixel).mul_(column(worn)), photos.frame)


def paint_nose(canvas: Tensor, grid: Grid, people: People, spots: Spots) -> None:
    """The bridge's flanks, wings, tip and nostrils."""
    zero = torch.zeros_like(grid.pixel)
    from_bridge = grid.y - column(spots.bridge_y)
    along = (from_bridge / column(spots.nose_y - spots.bridge_y)).clamp_(0, 1)
    centre = along.mul(column(spots.nose_x - spots.bridge_x)).add_(column(spots.bridge_x))
    width = along.mul_(0.02).add_(column(people.nose_bridge))
    inside = from_bridge.minimum(column(spots.nose_y) - grid.y)
    flank = soft(width.sub_((grid.x - centre).abs_()).minimum(inside), grid.pixel * 2)
    paint(canvas, flank.mul_(0.8), people.skin * 0.8)
    nose = Grid(grid.x - column(spots.nose_x), grid.y - column(spots.nose_y), grid.pixel)
    wide = column(people.nose_width)
    paint(canvas, ellipse(nose, zero, zero, wide, 0.02 + wide * 0.4), people.skin * 0.66)
    paint(canvas, ellipse(nose, zero, zero - 0.02, wide * 0.72, 0.02 + wide * 0.36), people.skin * 0.96)
    nostril = Grid(nose.x.abs(), nose.y, grid.pixel)
    paint(canvas, ellipse(nostril, wide * 0.45, zero + 0.025, wide * 0.22, wide * 0.14), people.skin * 0.3)


def paint_mouth(canvas: Tensor, grid: Grid, people: People, photos: CartoonPhotos, spots: Spots) -> None:
    """Two lips along a curve that smiles or does not, and the opening between them."""
    half = column(people.mouth_width * smile_stretch(photos) * spots.mouth_squeeze)
    curve = -column(smile_lift(photos)) / (half * half)
    mouth = Grid(grid.x - column(spots.mouth_x), grid.y - column(spots.mouth_y), grid.pixel)
    gape, zero = column(photos.mouth_open) * 0.04, torch.zeros_like(half)
    upper, lower = column(people.lip_upper), column(people.lip_lower)
    paint(canvas, band(mouth, zero, (lower - upper) * 0.5, half, upper + lower + gape, curve), people.lip_color)
    paint(canvas, band(mouth, zero, zero, half * 0.92, gape + 0.012, curve), people.lip_color * 0.35)


def paint_skin_marks(canvas: Tensor, grid: Grid, people: People, spots: Spots, face: Tensor) -> None:
    """Beard or stubble on the lower part of ``face`` (its coverage), and a mole."""
    edge = (
        (grid.x - column(spots.mouth_x))
        .abs_()
        .mul_(-0.6)
        .add_(grid.y - column(spots.mouth_y + people.beard_top - 0.02))
    )
    paint(canvas, soft(edge, 0.08).minimum(face).mul_(column(people.beard)), people.hair * 0.8)
    size = column(people.mole_size)
    mole = ellipse(grid, column(spots.mole_x), column(spots.mole_y), size + 0.001, size + 0.001)
    paint(canvas, mole.mul_(size > 0), people.skin * 0.35)
