"""Finding faces in a group of photos, small or huge, of any sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.detection.cascade import Cascade, Faces, Photo, Thresholds

SMALLEST = 12.0  # pixels; smaller faces cannot be found

_SEEN = 96.0  # pixels of the smallest face in the copy that is searched, where the photo has more


@dataclass(frozen=True, slots=True)
class DetectionAttempt:
    """One way of detecting faces.

    Args:
        share: the smallest face, as a share of the photo's shorter side.
        thresholds: of the three stages.
        border: black border around the photo, as a share of its shorter side: faces that fill a tight crop, or are cut
            by its edge, are not found without it.
    """

    share: float
    thresholds: Thresholds = field(default_factory=Thresholds)
    border: float = 0.0


_LOOSE = Thresholds(0.5, 0.6, 0.6)
# Each is for photos where the previous ones found nothing: small faces, then faces larger than the photo.
ATTEMPTS = (DetectionAttempt(0.2), DetectionAttempt(0.08, _LOOSE, 0.15), DetectionAttempt(0.2, _LOOSE, 0.4))


@lru_cache(maxsize=1)
def cascade(device: str) -> Cascade:
    """This process's networks.

    Args:
        device: ``cpu``, ``cuda`` or ``auto``: a GPU if there is one.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.allow_tf32 = False  # ten bits of mantissa move landmarks
    return Cascade(torch.device(device))


def find_faces(photos: Sequence[Photo], min_face: float | None, device: str = "cpu") -> list[Faces]:
    """Faces in each photo, boxes and landmarks rounded to 0.01 pixels.

    First detects faces of a fifth of the photo's shorter side; where none is found, faces of a twelfth with looser
    thresholds, and last faces larger than the photo. Photos whose smallest face has more than twice 96 pixels are
    shrunk first.

    Args:
        photos: uint8 RGB ``(H, W, 3)``.
        min_face: side of the smallest face in pixels, instead of these shares.
        device: as for ``cascade``.
    """
    found: dict[int, Faces] = {}
    for attempt in ATTEMPTS:
        places = [place for place in range(len(photos)) if place not in found or not len(found[place])]
        if places:
            faces = _search([photos[place] for place in places], attempt, min_face, device)
            found.update(zip(places, faces, strict=True))
    return [found[place] for place in range(len(photos))]


def _search(photos: Sequence[Photo], attempt: DetectionAttempt, min_face: float | None, device: str) -> list[Faces]:
    copies, sides, moves = [], [], []
    for photo in photos:
        height, width = photo.shape[:2]
        side = max(SMALLEST, min(height, width) * attempt.share if min_face is None else min_face)
        scale = _SEEN / side if side > 2.0 * _SEEN else 1.0
        copy = _shrunk(photo, scale)
        border = round(min(copy.shape[:2]) * attempt.border)
        moves.append((np.array([width / copy.shape[1], height / copy.shape[0]]), border))
        copies.append(np.pad(copy, ((border, border), (border, border), (0, 0))) if border else copy)
        sides.append(side * scale)
    found = cascade(device).find(copies, sides, attempt.thresholds)
    return [_in_photo(faces, *move) for faces, move in zip(found, moves, strict=True)]


def _shrunk(photo: Photo, scale: float) -> Photo:
    if scale == 1.0:
        return photo
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _in_photo(faces: Faces, scale: NDArray[np.float64], border: int) -> Faces:
    """From the copy's pixels to the photo's; rounded, so that the last bits of sums do not affect a file."""
    landmarks = np.round((faces.landmarks.astype(np.float64) - border + 0.5) * scale - 0.5, 2)
    boxes = np.round((faces.boxes.astype(np.float64) - border) * np.tile(scale, 2), 2)
    return Faces(boxes, np.round(faces.scores.astype(np.float64), 4), landmarks)
