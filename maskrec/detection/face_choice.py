"""Choosing the intended face of a photo with several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from maskrec.detection.cascade import Faces

Choice = Literal["only", "largest", "central", "all"]

SURE = 0.9  # a weaker face does not count as one of several faces


def choose(faces: Faces, shape: tuple[int, int], choice: Choice) -> Faces | None:
    """The intended face or faces; None where the choice is ambiguous.

    - ``only``: the one face; None where several are sure (score 0.9 or more), or several are and none is sure.
    - ``largest``: the largest box.
    - ``central``: the largest box area after taking off twice the squared distance of its centre from the photo's:
      a small face in the very middle loses against a large one beside it, one at the edge against both.
    - ``all``: all that are sure, or the only one; from left to right.

    Args:
        faces: at least one.
        shape: height and width of the photo.
        choice: as above.
    """
    if choice == "largest":
        return faces.chosen([int(np.argmax(_areas(faces)))])
    if choice == "central":
        return faces.chosen([int(np.argmax(_areas(faces) - 2.0 * _off_centre(faces, shape)))])
    sure = faces.chosen(faces.scores >= SURE) if (faces.scores >= SURE).any() else faces
    if choice == "all":
        return sure.chosen(np.argsort(sure.boxes[:, 0], kind="stable"))
    return sure if len(sure) == 1 else None


def _areas(faces: Faces) -> NDArray[np.float64]:
    return np.asarray(np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1), np.float64)


def _off_centre(faces: Faces, shape: tuple[int, int]) -> NDArray[np.float64]:
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2.0
    return np.asarray(((centres - np.array([shape[1], shape[0]]) / 2.0) ** 2).sum(1), np.float64)


def tell_apart(faces: Faces) -> str:
    """The faces in words: how many, how wide."""
    widths = sorted((faces.boxes[:, 2] - faces.boxes[:, 0]).tolist(), reverse=True)
    shown = ", ".join(f"{width:.0f}" for width in widths[:6]) + (", ..." if len(widths) > 6 else "")
    return f"{len(faces)} faces, {shown} pixels wide"
