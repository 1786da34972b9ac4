"""Face alignment by five landmarks: template, least-squares similarity, transformation of points.

Points are x and y in pixels; the centre of the top left pixel is (0, 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.contracts.input_spec import Alignment, AlignmentTemplate

if TYPE_CHECKING:
    from torch import Tensor

Numbers = TypeVar("Numbers", "NDArray[np.float64]", "Tensor")

ARCFACE_SIZE = 112
ARCFACE_POINTS = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
_ROUNDING = 0.05  # pixels: of landmarks written to hundredths, on the far side of the canvas


def arcface_template(size: int) -> NDArray[np.float64]:
    """The positions of the five landmarks in ArcFace's alignment (Deng et al., 2019), on a canvas of ``size`` pixels.

    The published 112 px points, scaled about the canvas's corner (half a pixel outside the first pixel's centre), so
    that a canvas of 224 shrunk by two shows what a canvas of 112 does.

    Returns:
        float64 ``(5, 2)``: left eye, right eye, nose, left and right mouth corner.

    Raises:
        ValueError: a size below 1.
    """
    if size < 1:
        raise ValueError(f"a canvas must have at least 1 pixel per side, not {size}")
    return _scaled(ARCFACE_POINTS, size / ARCFACE_SIZE)


def template_points(size: int, alignment: Alignment) -> NDArray[np.float64] | None:
    """Where an alignment puts the five landmarks, in pixels of a canvas of ``contracts.canvas_shape(size, alignment)``.

    A template's points are scaled as ArcFace's are (see ``arcface_template``).

    Args:
        size: of the canvas: its side, with a template its height.
        alignment: see ``InputSpec``.

    Returns:
        float64 ``(5, 2)``; None for an alignment without landmarks.
    """
    if isinstance(alignment, AlignmentTemplate):
        return _scaled(alignment.points, size / alignment.height)
    return arcface_template(size) if alignment == "arcface" else None


def _scaled(points: ArrayLike, factor: float) -> NDArray[np.float64]:
    return np.asarray((np.array(points) + 0.5) * factor - 0.5)


def similarity_transform(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """The similarity (rotation, one scale, translation, no mirror) that maps points closest to others.

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
        raise ValueError(f"expected two lists of at least two points, not shapes {src.shape} and {dst.shape}")
    if not (np.isfinite(src).all() and np.isfinite(dst).all()):
        raise ValueError("landmarks must be finite numbers")
    (matrix,) = similarity_transforms(src[None], dst)
    return np.asarray(matrix)


def similarity_transforms(sources: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """``similarity_transform`` of many at once, without checking that the numbers are finite.

    Args:
        sources: ``(b, n, 2)``.
        target: ``(n, 2)``.

    Returns:
        float64 ``(b, 2, 3)``.

    Raises:
        ValueError: source points that all coincide.
    """
    src_mean, dst_mean = sources.mean(1), target.mean(0)
    src, dst = sources - src_mean[:, None], target - dst_mean
    spread = (src**2).sum((1, 2))
    if not (spread > 0).all():
        raise ValueError("all landmarks coincide")
    along, across = closed_form(src, dst, spread)
    matrices = np.empty((len(sources), 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1] = along, -across, across, along
    matrices[:, 0, 2] = dst_mean[0] - along * src_mean[:, 0] + across * src_mean[:, 1]
    matrices[:, 1, 2] = dst_mean[1] - across * src_mean[:, 0] - along * src_mean[:, 1]
    return matrices


def closed_form(source: Numbers, target: Numbers, spread: Numbers) -> tuple[Numbers, Numbers]:
    """Scale times cosine, and scale times sine, of the similarities that map points nearest to others.

    With points as complex numbers a similarity is one factor, and its least squares have a closed form. The same for
    arrays of numpy and tensors.

    Args:
        source: ``(b, n, 2)``, each with mean 0.
        target: ``(n, 2)`` with mean 0.
        spread: ``(b,)``: the sums of the squares of ``source``, above 0.

    Returns:
        Two of ``(b,)``.
    """
    along = (source * target).sum((1, 2)) / spread
    across = (source[:, :, 0] * target[:, 1] - source[:, :, 1] * target[:, 0]).sum(1) / spread
    return along, across


def aligned_sides(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """For faces whose five points lie on ArcFace's template as an aligned face's do: the side of its canvas in pixels.

    The points of an aligned face are brought nearest to the template by a scale about the canvas's corner alone,
    without rotation or shift; to 0.05 pixels no face in a photo is there by chance.

    Args:
        landmarks: ``(n, 5, 2)``.

    Returns:
        float64 ``(n,)``; 0 for all other faces.
    """
    sides = np.zeros(len(landmarks))
    there = np.flatnonzero(np.isfinite(landmarks).all((1, 2)) & (np.ptp(landmarks, axis=1).max(1) > 0))
    if len(there):
        matrices = similarity_transforms(landmarks[there] + 0.5, arcface_template(ARCFACE_SIZE) + 0.5)
        scale = matrices[:, 0, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.abs(matrices[:, :, 2]).max(1) / scale
            turn = np.abs(matrices[:, 1, 0]) / scale * ARCFACE_SIZE / scale
            alone = (scale > 0) & (shift < _ROUNDING) & (turn < 2 * _ROUNDING)
            sides[there] = np.where(alone, ARCFACE_SIZE / scale, 0.0)
    return sides


def move_points(points: ArrayLike, matrix: ArrayLike) -> NDArray[np.float64]:
    """Points ``(..., 2)`` through an affine ``(2, 3)``."""
    affine = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ affine[:, :2].T + affine[:, 2]
