"""What may make a face's comparisons less reliable, by rules of thumb.

They are measured on the landmarks and the aligned picture. Bounds are such that each is rare on press photos (LFW: a
quarter of a percent blurred, 2 to 3 % turned, none cut off or tiny). A gallery's check and its groups of unknown faces
have the bounds of tiny and blurred faces from here. 27 is the sharpness below which a quarter of a percent of LFW's
photos lie (half of its people), so that a gallery of a hundred good ones raises an alarm in four; of photos that a
Gaussian of 2.5 pixels or more has blurred, the eyes 42 pixels apart, 95 % and more lie below it. A note is a hint to
look at the photo; its absence promises nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.input_spec import Alignment, canvas_shape
from maskrec.detection.face_choice import SURE
from maskrec.faces.alignment import similarity_transform, template_points

TINY = 20.0  # pixels between the eyes
CUT_OFF = 0.1  # share of the aligned face that is outside of the photo
BLURRED = 27.0  # variance of the Laplacian of gray, on a canvas of 112 pixels
TURNED = 0.15  # the nose's place between the eyes, from either; 0.5 is frontal
SIDEWAYS = 45.0  # degrees

_BLUR_SIDE = 112
_GRID = 64  # places down the canvas that are looked at


def same_file_notes(a: object, b: object) -> tuple[str, ...]:
    """That two photos are one file, which is the same person whatever the model; nothing of other files and arrays."""
    if not all(isinstance(each, (str, os.PathLike)) for each in (a, b)):
        return ()
    paths = [Path(each) for each in (a, b)]  # type: ignore[arg-type]
    try:
        same = paths[0].samefile(paths[1])
    except (OSError, ValueError):
        return ()
    return (f"{paths[0]} and {paths[1]} are the same file, so this says nothing about two photos",) if same else ()


def notes_on(
    landmarks: NDArray[np.float64],
    box: NDArray[np.float64],
    score: float,
    shape: tuple[int, int],
    canvas: NDArray[np.uint8],
    alignment: Alignment,
) -> tuple[str, ...]:
    """Notes on a face that was detected.

    - tiny: fewer than 20 pixels between the eyes.
    - cut off: more than a tenth of what the network should see is outside of the photo.
    - blurred: the variance of the Laplacian (Pech-Pacheco et al., 2000) of the face at 112 pixels is under 27; tiny
      faces are not looked at, because enlarging blurs.
    - turned: the nose is within 15 % of the eyes' distance of one eye, or beyond it, along their line.
    - sideways: the line of the eyes is turned by more than 45 degrees.
    - unsure: the detector's score is under 0.9.

    Args:
        landmarks: ``(5, 2)`` in pixels of the photo.
        box: the detector's, likewise.
        score: the detector's.
        shape: height and width of the photo.
        canvas: uint8 RGB ``(H, W, 3)``, the aligned face.
        alignment: how it was aligned.
    """
    return tuple(_notes(landmarks, box, score, shape, canvas, alignment))


def _notes(
    landmarks: NDArray[np.float64],
    box: NDArray[np.float64],
    score: float,
    shape: tuple[int, int],
    canvas: NDArray[np.uint8],
    alignment: Alignment,
) -> Iterator[str]:
    across = landmarks[1] - landmarks[0]
    apart = float(np.hypot(*across))
    if score < SURE:
        yield f"unsure: the detector's score is {score:.2f}, it may not be a face"
    if apart < TINY:
        yield f"tiny: {apart:.0f} pixels between the eyes"
    elif (sharp := sharpness(canvas)) < BLURRED:
        yield f"blurred: a sharpness of {sharp:.0f} where press photos have over {BLURRED:.0f}"
    if (outside := share_outside(landmarks, box, shape, alignment)) > CUT_OFF:
        yield f"cut off: {outside:.0%} of the face's square is outside of the photo"
    if apart and not TURNED < nose_place(landmarks) < 1.0 - TURNED:
        yield "turned: the nose is near one eye or beyond it, as in a profile"
    if abs(roll := roll_angle(landmarks)) > SIDEWAYS:
        yield f"sideways: the eyes' line is turned by {abs(roll):.0f} degrees; turn the photo upright"


def roll_angle(landmarks: NDArray[np.float64]) -> float:
    """The angle of the line from the left to the right eye, in degrees from -180 to 180; 0 is upright."""
    across = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def nose_place(landmarks: NDArray[np.float64]) -> float:
    """Where the nose is along the line of the eyes: 0 at the left eye, 1 at the right one."""
    across = landmarks[1] - landmarks[0]
    return float((landmarks[2] - landmarks[0]) @ across / (across @ across))


def sharpness(canvas: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian of gray (0 to 255), the face brought to a height of 112 pixels."""
    gray = cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    if height != _BLUR_SIDE:
        way = cv2.INTER_AREA if height > _BLUR_SIDE else cv2.INTER_LINEAR
        gray = cv2.resize(gray, (max(1, round(_BLUR_SIDE * width / height)), _BLUR_SIDE), interpolation=way)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())


def share_outside(
    landmarks: NDArray[np.float64], box: NDArray[np.float64], shape: tuple[int, int], alignment: Alignment
) -> float:
    """The share of what the network should see that is outside of the photo: of the canvas, or of the box."""
    height, width = shape
    if (template := template_points(_GRID, alignment)) is not None:
        rows, columns = canvas_shape(_GRID, alignment)
        places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
        matrix = similarity_transform(template, landmarks)
        x, y = (places @ matrix[:, :2].T + matrix[:, 2]).T
        return float(1.0 - np.mean((x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)))
    inside = np.minimum(box[2:], [width, height]) - np.maximum(box[:2], 0.0)
    return float(1.0 - np.prod(np.maximum(inside, 0.0)) / np.prod(box[2:] - box[:2]))
