"""Detection of landmarks that no face in the photo could have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.faces.alignment import aligned_sides

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
_TOGETHER = 0.5  # pixels


@dataclass(frozen=True, slots=True)
class BrokenLandmarks:
    """What is wrong with one face's landmarks.

    Args:
        index: the face's.
        message: a sentence.
        severe: whether they are unusable; a point slightly outside of the photo is not severe.
    """

    index: int
    message: str
    severe: bool


def find_broken(landmarks: ArrayLike, sizes: ArrayLike) -> Iterator[BrokenLandmarks]:
    """Find points that coincide, sides that are swapped, points of another photo: at most one fault per face.

    Args:
        landmarks: ``(n, 5, 2)`` in pixels of each photo; a face with a NaN is skipped.
        sizes: ``(n, 2)`` width and height of the photos; zeros where unknown.
    """
    points, edges = np.asarray(landmarks, np.float64), np.asarray(sizes, np.int64)
    there = np.isfinite(points).all((1, 2))
    together = there & (_nearest(points) < _TOGETHER)
    mirrored = there & ~together & _mirrored(points)
    beyond = _beyond(points, edges)
    span = np.linalg.norm(points[:, 3:].mean(1) - points[:, :2].mean(1), axis=1)
    known = there & ~together & (edges[:, 0] > 0)
    sides = aligned_sides(points)
    foreign = known & (sides > 0) & ~fits_aligned(sides, edges[:, 0], edges[:, 1])
    outside = known & (beyond.max(1) > 0)
    for index in np.flatnonzero(together | mirrored | foreign | outside).tolist():
        if together[index]:
            yield BrokenLandmarks(index, "two of the five landmarks coincide", True)
        elif mirrored[index]:
            yield BrokenLandmarks(index, "left and right are swapped: left means the viewer's left", True)
        elif foreign[index]:
            yield BrokenLandmarks(index, _aligned_elsewhere(sides[index], *edges[index].tolist()), True)
        else:
            message = _outside(points[index], beyond[index], *edges[index].tolist())
            yield BrokenLandmarks(index, message, bool(beyond[index].max() > span[index] / 2))


def landmark_fault(landmarks: ArrayLike, width: int, height: int) -> str | None:
    """Why the five points ``(5, 2)`` cannot be a face in a photo of this size; None when they can."""
    found = find_broken(np.asarray(landmarks, np.float64).reshape(1, 5, 2), [[width, height]])
    return next((broken.message for broken in found if broken.severe), None)


def fits_aligned(sides: Any, width: Any, height: Any) -> Any:
    """Whether photos of this size may be faces aligned to ``sides`` pixels, with a border or cut by a fifth at most."""
    return (np.minimum(width, height) <= 1.25 * sides) & (np.maximum(width, height) >= 0.8 * sides)


def another_photos(landmarks: NDArray[np.float64], aligned_side: float, width: int, height: int) -> str:
    """Why the five points ``(5, 2)`` must be those of another photo than one of this size; empty where they may be its.

    The part of ``find_broken`` that takes no time.

    Args:
        landmarks: finite.
        aligned_side: from ``alignment.aligned_sides``.
        width: of the photo in pixels.
        height: likewise.
    """
    if aligned_side and not fits_aligned(aligned_side, width, height):
        return _aligned_elsewhere(aligned_side, width, height)
    beyond = _beyond(landmarks[None], np.array([[width, height]]))[0]
    span = np.linalg.norm(landmarks[3:].mean(0) - landmarks[:2].mean(0))
    return _outside(landmarks, beyond, width, height) if beyond.max() > span / 2 else ""


def _aligned_elsewhere(aligned_side: float, width: int, height: int) -> str:
    side = round(float(aligned_side))
    return f"the landmarks are those of a face aligned to {side} x {side} pixels, but the photo has {width} x {height}"


def _outside(points: NDArray[np.float64], beyond: NDArray[np.float64], width: int, height: int) -> str:
    worst = int(beyond.argmax())
    x, y = points[worst]
    return f"{POINTS[worst]} at ({x:.1f}, {y:.1f}) is outside of the photo of {width} x {height}"


def _nearest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest distance between two of each face's points."""
    gaps = [np.linalg.norm(points[:, i] - points[:, j], axis=1) for i in range(5) for j in range(i)]
    return np.asarray(np.min(gaps, axis=0))


def _mirrored(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether eyes or mouth are mirrored relative to the face, whatever its orientation."""
    down = points[:, 3:].mean(1) - points[:, :2].mean(1)
    swapped = np.zeros(len(points), np.bool_)
    for left, right in ((0, 1), (3, 4)):
        across = points[:, right] - points[:, left]
        swapped |= across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] < 0
    return swapped


def _beyond(points: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far each point is beyond the photo's edge, in pixels; at most 0 inside."""
    edge = sizes[:, None, :] - 0.5
    return np.asarray(np.maximum(-0.5 - points, points - edge).max(2))
