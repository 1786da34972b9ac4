"""Positions of a posed head's features on the canvas: a rotation of points on an ellipsoid, then roll, scale, shift.

Canvas coordinates run from -1 to 1 from edge to edge, x right and y down. The head frame is the canvas frame with
roll, scale and shift undone; yaw and pitch move features in it by their depth, as parallax does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.faces.synthetic.cartoon_photos import CartoonPhotos
from maskrec.faces.synthetic.people import People
from maskrec.faces.synthetic.shapes import Grid, column

DEPTH = 0.42
NOSE_DEPTH = 0.16


@dataclass(frozen=True, slots=True)
class Spots:
    """Positions in the head frame, float32 ``(B,)`` each; ``*_squeeze`` is the foreshortening of widths there."""

    eye_x: Tensor
    eye_y: Tensor
    eye_squeeze: Tensor
    bridge_x: Tensor
    bridge_y: Tensor
    nose_x: Tensor
    nose_y: Tensor
    mouth_x: Tensor
    mouth_y: Tensor
    mouth_squeeze: Tensor
    mole_x: Tensor
    mole_y: Tensor
    ear_x: Tensor
    ear_y: Tensor
    lean_x: Tensor
    lean_y: Tensor
    sine: Tensor
    cosine: Tensor


def _turn(photos: CartoonPhotos, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Orthographic image of a head point after yaw and pitch, all float64."""
    yaw, pitch = photos.yaw.double(), photos.pitch.double()
    across = x * yaw.cos() + z * yaw.sin()
    forward = z * yaw.cos() - x * yaw.sin()
    return across, y * pitch.cos() + forward * pitch.sin()


def _depth(people: People, x: Tensor, y: Tensor) -> Tensor:
    """Depth of the ellipsoid's surface at a head point."""
    across = x / people.head_width.double()
    return DEPTH * (1 - across * across - 0.5 * y * y).clamp(min=0.05).sqrt()


def place(people: People, photos: CartoonPhotos) -> Spots:
    """Projects the features of B heads; eyes are ``(B, 2)``, the viewer's left one first."""
    eye_y = people.eye_height.double()
    nose_y = eye_y + people.nose_length
    mouth_y = nose_y + people.mouth_gap
    eyes = [_turn(photos, side * people.eye_spread.double(), eye_y, _depth(people, people.eye_spread.double(), eye_y))
            for side in (-1.0, 1.0)]  # fmt: skip
    zero = torch.zeros_like(eye_y)
    squeeze = [_squeeze(people, photos, side * people.eye_spread.double(), eye_y) for side in (-1.0, 1.0)]
    bridge_x, bridge_y = _turn(photos, zero, eye_y, _depth(people, zero, eye_y) + 0.03)
    nose_x, nose_y2 = _turn(photos, zero, nose_y, _depth(people, zero, nose_y) + NOSE_DEPTH)
    mouth_x, mouth_y2 = _turn(photos, zero, mouth_y, _depth(people, zero, mouth_y) + 0.04)
    mole_x, mole_y = people.mole_x.double(), people.mole_y.double()
    mole_x, mole_y = _turn(photos, mole_x, mole_y, _depth(people, mole_x, mole_y))
    roll = photos.roll.double()
    return Spots(
        eye_x=torch.stack([eye[0] for eye in eyes], 1).float(),
        eye_y=torch.stack([eye[1] for eye in eyes], 1).float(),
        eye_squeeze=torch.stack(squeeze, 1).float(),
        bridge_x=bridge_x.float(), bridge_y=bridge_y.float(),
        nose_x=nose_x.float(), nose_y=nose_y2.float(),
        mouth_x=mouth_x.float(), mouth_y=mouth_y2.float(),
        mole_x=mole_x.float(),
        mole_y=mole_y.float(),
        mouth_squeeze=photos.yaw.double().cos().float(),
        ear_x=(-0.10 * photos.yaw.double().sin()).float(), ear_y=(eye_y + 0.12 - 0.1 * photos.pitch).float(),
        lean_x=(0.22 * photos.yaw.double().sin()).float(),
        lean_y=(0.10 * photos.pitch.double().sin()).float(),
        sine=roll.sin().float(), cosine=roll.cos().float(),
    )  # fmt: skip


def _squeeze(people: People, photos: CartoonPhotos, x: Tensor, y: Tensor) -> Tensor:
    """How much a small width at a head point shrinks by yaw: the derivative of its image by x."""
    width = people.head_width.double()
    slope = -DEPTH * DEPTH * x / (width * width * _depth(people, x, y))
    yaw = photos.yaw.double()
    return (yaw.cos() + slope * yaw.sin()).clamp(0.45, 1.2)


def head_grid(photos: CartoonPhotos, spots: Spots, size: int) -> tuple[Grid, Grid]:
    """The canvas grid and the head grid of ``size`` x ``size`` pixels."""
    line = ((torch.arange(size, dtype=torch.float64) * 2 + 1) / size - 1).float()
    pixel = torch.full((len(photos.yaw), 1, 1), 2 / size)
    x = line.expand(len(photos.yaw), size, size)
    y = line[:, None].expand(len(photos.yaw), size, size)
    right, down = x - column(photos.shift_x), y - column(photos.shift_y)
    cosine, sine = column(spots.cosine / photos.scale), column(spots.sine / photos.scale)
    head = Grid((right * cosine).add_(down * sine), (down * cosine).sub_(right * sine), pixel / column(photos.scale))
    return Grid(x, y, pixel), head


def landmarks(people: People, photos: CartoonPhotos, spots: Spots, size: int) -> Tensor:
    """float32 ``(B, 5, 2)`` in pixels: eyes, nose tip, mouth corners, the viewer's left before right."""
    half = people.mouth_width * smile_stretch(photos) * spots.mouth_squeeze
    corner_y = spots.mouth_y - smile_lift(photos)
    x = torch.stack([spots.eye_x[:, 0], spots.eye_x[:, 1], spots.nose_x, spots.mouth_x - half, spots.mouth_x + half], 1)
    y = torch.stack([spots.eye_y[:, 0], spots.eye_y[:, 1], spots.nose_y, corner_y, corner_y], 1)
    cosine, sine = spots.cosine[:, None], spots.sine[:, None]
    across = photos.scale[:, None] * (x * cosine - y * sine) + photos.shift_x[:, None]
    down = photos.scale[:, None] * (x * sine + y * cosine) + photos.shift_y[:, None]
    return ((torch.stack([across, down], 2) + 1) * size - 1) / 2


def smile_stretch(photos: CartoonPhotos) -> Tensor:
    """Factor on the mouth's width."""
    return 1 + 0.15 * photos.smile - 0.1 * photos.mouth_open


def smile_lift(photos: CartoonPhotos) -> Tensor:
    """How far the mouth's corners are above its middle (below when negative)."""
    return 0.045 * photos.smile
