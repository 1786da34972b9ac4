"""Embedded faces: cartoon people drawn by the program. Nothing measured on them says anything about real faces."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.faces.synthetic.camera import develop, light_up
from maskrec.faces.synthetic.painter import (
    head_cover,
    paint_background,
    paint_body,
    paint_eyes,
    paint_hair,
    paint_nose_and_mouth,
)
from maskrec.faces.synthetic.people import draw_people
from maskrec.faces.synthetic.photos import PHOTOS_A_PERSON as PHOTOS_A_PERSON
from maskrec.faces.synthetic.photos import draw_photos
from maskrec.faces.synthetic.pose import head_grid, landmarks, place
from maskrec.faces.synthetic.shapes import column, ellipse, paint

RESTYLED = 0.4
WITH_GLASSES = 0.3


def photograph(face_seed: int, identities: Tensor, photos: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Photo number ``photos[i]`` of person ``identities[i]`` of the world ``face_seed``, for every i.

    Args:
        face_seed: names the world of people; the same numbers give the same bytes whatever else is drawn beside them.
        identities: int64 ``(B,)``, from 0.
        photos: int64 ``(B,)``, from 0 to ``PHOTOS_A_PERSON - 1``.
        size: side of the square canvas in pixels.

    Returns:
        uint8 RGB ``(B, 3, size, size)`` and float32 landmarks ``(B, 5, 2)`` in pixels.
    """
    people, shots = draw_people(face_seed, identities), draw_photos(face_seed, identities, photos)
    spots = place(people, shots)
    grid, head = head_grid(shots, spots, size)
    canvas = torch.empty(len(identities), 3, size, size)
    own = (shots.restyled >= RESTYLED).float()
    blend = lambda mine, other: mine + (other - mine) * (1 - own)  # noqa: E731
    hair_color = people.hair + (shots.hair - people.hair) * (1 - own)[:, None]
    volume, length = blend(people.hair_volume, shots.hair_volume), blend(people.hair_length, shots.hair_length)
    paint_background(canvas, grid, shots)
    paint_body(canvas, head, people, shots)
    paint(
        canvas,
        ellipse(head, torch.zeros_like(head.pixel), column(length * 0.3 - 0.12),
                column(people.head_width + volume), column(0.52 + 0.35 * length + volume)),
        hair_color * 0.8,
    )  # fmt: skip
    one = torch.ones_like(head.pixel)
    face = head_cover(head, people, spots, one)
    paint(canvas, face, people.skin)
    glasses = (shots.glasses < WITH_GLASSES).float()
    paint_nose_and_mouth(canvas, head, people, shots, spots)
    paint_eyes(canvas, head, people, shots, spots, glasses)
    scalp = head_cover(head, people, spots, one + column(volume))
    paint_hair(canvas, head, blend(people.hairline, shots.hairline),
               blend(people.hairline_curve, shots.hairline_curve), scalp, hair_color)  # fmt: skip
    light_up(canvas, head, shots)
    return develop(canvas, shots), landmarks(people, shots, spots, size)
