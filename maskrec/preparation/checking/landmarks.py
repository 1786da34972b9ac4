"""Landmarks that no face in the photo could have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from maskrec.preparation.face_sets import FaceSet, Finding

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
_TOGETHER = 0.5  # pixels


def find_broken_landmarks(faces: FaceSet, sizes: NDArray[np.int32]) -> Iterator[Finding]:
    """Points that coincide, sides that are swapped, points outside of the photo.

    Args:
        faces: a set with landmarks; NaN where its listing was at fault already.
        sizes: int32 ``(n, 2)`` width and height of its photos; zeros where unknown.
    """
    assert faces.landmarks is not None
    points = faces.landmarks.astype(np.float64)
    there = np.isfinite(points).all((1, 2))
    together = there & (_nearest(points) < _TOGETHER)
    mirrored = there & ~together & _mirrored(points)
    beyond = _beyond(points, sizes)
    span = np.linalg.norm(points[:, 3:].mean(1) - points[:, :2].mean(1), axis=1)
    outside = there & ~together & (sizes[:, 0] > 0) & (beyond.max(1) > 0)
    for index in np.flatnonzero(together | mirrored | outside).tolist():
        if together[index]:
            message, severity = "two of the five landmarks lie on one point", True
        elif mirrored[index]:
            message, severity = "left and right are swapped: left is where the viewer sees it", True
        else:
            worst = int(beyond[index].argmax())
            x, y = points[index, worst]
            message = f"{POINTS[worst]} at ({x:.1f}, {y:.1f}) lies outside of the photo of " + " x ".join(
                map(str, sizes[index].tolist())
            )
            severity = bool(beyond[index, worst] > span[index] / 2)
        yield Finding(
            "error" if severity else "warning", "landmarks", message, (faces.place(index),), (faces.people[index],)
        )


def _nearest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest distance between two of each face's points."""
    gaps = [np.linalg.norm(points[:, i] - points[:, j], axis=1) for i in range(5) for j in range(i)]
    return np.asarray(np.min(gaps, axis=0))


def _mirrored(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether eyes or mouth run against the face: with the mouth down, left must be left, whatever way up it is."""
    down = points[:, 3:].mean(1) - points[:, :2].mean(1)
    swapped = np.zeros(len(points), np.bool_)
    for left, right in ((0, 1), (3, 4)):
        across = points[:, right] - points[:, left]
        swapped |= across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] < 0
    return swapped


def _beyond(points: NDArray[np.float64], sizes: NDArray[np.int32]) -> NDArray[np.float64]:
    """How far each point is beyond the photo's edge, in pixels; at most 0 inside."""
    edge = sizes[:, None, :] - 0.5
    return np.asarray(np.maximum(-0.5 - points, points - edge).max(2))
