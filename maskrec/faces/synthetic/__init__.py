"""Embedded faces: cartoon people drawn by the program. Nothing measured on them says anything about real faces."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.faces.synthetic.camera import develop, light_up
from maskrec.faces.synthetic.cartoon_photos import PHOTOS_A_PERSON, draw_photos
from maskrec.faces.synthetic.features import paint_eyes, paint_mouth, paint_nose, paint_skin_marks
from maskrec.faces.synthetic.hair import hair_of_the_day
from maskrec.faces.synthetic.painter import head_cover, paint_background, paint_behind, paint_ears, paint_fringe
from maskrec.faces.synthetic.people import draw_people
from maskrec.faces.synthetic.pose import head_grid, landmarks, place
from maskrec.faces.synthetic.shapes import paint

__all__ = ["CAVEAT", "PHOTOS_A_PERSON", "photograph"]

CAVEAT = "these are cartoon faces drawn by the program; figures on them say nothing about real faces"


def photograph(face_seed: int, identities: Tensor, photos: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Photo number ``photos[i]`` of person ``identities[i]`` of the world ``face_seed``, for every i.

    Args:
        face_seed: selects the world of people; the same numbers give the same bytes whatever is drawn beside them.
        identities: int64 ``(B,)``, from 0.
        photos: int64 ``(B,)``, from 0 to ``PHOTOS_A_PERSON - 1``.
        size: side of the square canvas in pixels.

    Returns:
        uint8 RGB ``(B, 3, size, size)`` and float32 landmarks ``(B, 5, 2)`` in pixels: eyes, nose tip and mouth
        corners, the viewer's left before right.
    """
    people, shots = draw_people(face_seed, identities), draw_photos(face_seed, identities, photos)
    spots, hair = place(people, shots), hair_of_the_day(people, shots)
    grid, head = head_grid(shots, spots, size)
    canvas = torch.empty(len(identities), 3, size, size)
    paint_background(canvas, grid, shots)
    paint_behind(canvas, head, people, shots, hair)
    paint_ears(canvas, head, people, shots, spots)
    face = head_cover(head, people, spots, torch.ones_like(head.pixel))
    paint(canvas, face, people.skin)
    paint_skin_marks(canvas, head, people, spots, face)
    paint_nose(canvas, head, people, spots)
    paint_mouth(canvas, head, people, shots, spots)
    paint_eyes(canvas, head, people, shots, spots)
    paint_fringe(canvas, head, people, spots, hair)
    light_up(canvas, head, shots)
    return develop(canvas, shots), landmarks(people, shots, spots, size)
