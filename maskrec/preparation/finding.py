"""Finding faces in a group of photos, small or huge, of any sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch

from maskrec.preparation.cascade import Cascade, Faces, Photo, Thresholds

SHARE = 0.2  # of a photo's shorter side: the smallest face that is looked for
SECOND_SHARE = 0.08  # where none was found
SMALLEST = 12.0  # pixels; below, nothing can be told of a face

_FIRST_LOOK = Thresholds()
_SECOND_LOOK = Thresholds(0.5, 0.6, 0.6)
_SEEN = 96.0  # pixels that the smallest face has in the copy that is searched, where the photo has more


@lru_cache(maxsize=1)
def cascade(device: str) -> Cascade:
    """This process's networks.

    Args:
        device: ``cpu``, ``cuda`` or ``auto``: a GPU where there is one.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.allow_tf32 = False  # ten bits of mantissa move landmarks
    return Cascade(torch.device(device))


def find_faces(photos: Sequence[Photo], min_face: float | None, device: str = "cpu") -> list[Faces]:
    """Faces in each photo, boxes and landmarks rounded to 0.01 pixels, best score first.

    The smallest face has a fifth of the photo's shorter side. Photos where none is found are searched again for faces
    of a twelfth, with looser thresholds. Photos whose smallest face has more than twice 96 pixels are shrunk for it.

    Args:
        photos: uint8 RGB ``(H, W, 3)``.
        min_face: side of the smallest face in pixels, instead of a share of the photo; the second look keeps to it.
        device: as of ``cascade``.
    """
    first = [_smallest(photo, min_face, SHARE) for photo in photos]
    found = _find(photos, first, _FIRST_LOOK, device)
    if empty := [place for place, faces in enumerate(found) if not len(faces)]:
        second = [_smallest(photos[place], min_face, SECOND_SHARE) for place in empty]
        again = _find([photos[place] for place in empty], second, _SECOND_LOOK, device)
        for place, faces in zip(empty, again, strict=True):
            found[place] = faces
    return found


def _smallest(photo: Photo, min_face: float | None, share: float) -> float:
    return max(SMALLEST, min(photo.shape[:2]) * share if min_face is None else min_face)


def _find(photos: Sequence[Photo], smallest: Sequence[float], thresholds: Thresholds, device: str) -> list[Faces]:
    copies, sides, scales = [], [], []
    for photo, side in zip(photos, smallest, strict=True):
        scale = _SEEN / side if side > 2.0 * _SEEN else 1.0
        copies.append(_shrunk(photo, scale))
        sides.append(side * scale)
        scales.append([photo.shape[1] / copies[-1].shape[1], photo.shape[0] / copies[-1].shape[0]])
    found = cascade(device).find(copies, sides, thresholds)
    return [_in_photo(faces, np.array(scale)) for faces, scale in zip(found, scales, strict=True)]


def _shrunk(photo: Photo, scale: float) -> Photo:
    if scale == 1.0:
        return photo
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _in_photo(faces: Faces, scale: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Faces:
    """From the copy's pixels to the photo's; rounded, so that the last bits of sums do not reach a file."""
    landmarks = np.round((faces.landmarks.astype(np.float64) + 0.5) * scale - 0.5, 2)
    boxes = np.round(faces.boxes.astype(np.float64) * np.tile(scale, 2), 2)
    return Faces(boxes, np.round(faces.scores.astype(np.float64), 4), landmarks)
