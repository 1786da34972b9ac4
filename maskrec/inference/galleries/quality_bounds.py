"""How sharp and large a face must be to be compared: as a note on a found face has it (``face_notes.py``)."""

from __future__ import annotations

from typing import NamedTuple

from maskrec.inference.photos.face_notes import BLURRED, TINY


class QualityBounds(NamedTuple):
    """What a face must reach to be compared.

    Args:
        eyes_apart: pixels of the photo.
        sharpness: as ``face_notes.sharpness`` measures it.
    """

    eyes_apart: float = TINY
    sharpness: float = BLURRED
