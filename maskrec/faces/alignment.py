"""Bringing a face to a canvas by its five landmarks: template, least-squares similarity, moving points.

Points are x and y in pixels; the centre of the top left pixel is (0, 0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

ARCFACE_SIZE = 112
ARCFACE_POINTS = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)


def arcface_template(size: int) -> NDArray[np.float64]:
    """Where ArcFace's alignment (Deng et al., 2019) puts the five landmarks on a canvas of ``size`` pixels.

    The published 112 px points, scaled about the canvas's corner (half a pixel outside the first pixel's centre), so
    that a canvas of 224 shrunk by two shows what a canvas of 112 does.

    Returns:
        float64 ``(5, 2)``: left eye, right eye, nose, left and right mouth corner.

    Raises:
        ValueError: a size below 1.
    """
    if size < 1:
        raise ValueError(f"a canvas has at least 1 pixel a side, not {size}")
    return (np.array(ARCFACE_POINTS) + 0.5) * (size / ARCFACE_SIZE) - 0.5


def similarity_transform(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """The similarity (rotation, one scale, translation, no mirror) that brings points nearest to others.

    Least squares after Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE TPAMI 13(4), 1991.

    Args:
        source: ``(n, 2)`` points, n at least 2.
        target: ``(n, 2)``.

    Returns:
        float64 ``(2, 3)``: ``target ~ matrix[:, :2] @ source + matrix[:, 2]``.

    Raises:
        ValueError: other shapes, values that are not finite, or source points that all coincide.
    """
    src, dst = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if src.shape != dst.shape or src.ndim != 2 or src.shape[1] != 2 or len(src) < 2:
        raise ValueError(f"two lists of at least two points are wanted, not shapes {src.shape} and {dst.shape}")
    if not (np.isfinite(src).all() and np.isfinite(dst).all()):
        raise ValueError("landmarks must be finite numbers")
    src_mean, dst_mean = src.mean(0), dst.mean(0)
    src_offset, dst_offset = src - src_mean, dst - dst_mean
    spread = (src_offset**2).sum()
    if not spread > 0:
        raise ValueError("the landmarks all lie on one point")
    # With points as complex numbers a similarity is one factor, and the least squares have a closed form.
    along = (src_offset * dst_offset).sum()
    across = (src_offset[:, 0] * dst_offset[:, 1] - src_offset[:, 1] * dst_offset[:, 0]).sum()
    linear = np.array([[along, -across], [across, along]]) / spread
    return np.column_stack([linear, dst_mean - linear @ src_mean])


def move_points(points: ArrayLike, matrix: ArrayLike) -> NDArray[np.float64]:
    """Points ``(..., 2)`` through an affine ``(2, 3)``."""
    affine = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ affine[:, :2].T + affine[:, 2]
