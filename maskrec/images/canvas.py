"""Placing a photo and its landmarks on the canvas that a backbone receives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.input_spec import Alignment, canvas_shape
from maskrec.faces.alignment import move_points, similarity_transform, template_points

if TYPE_CHECKING:
    from torch import Tensor

# facenet's weights were trained on MTCNN boxes with 14 of 160 pixels of margin, stretched to a square.
BOX_MARGIN = 14 / 160

Fill = Literal["black", "edge"]
_BORDER: dict[Fill, int] = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}
# Rounding an aligned face's landmarks to 0.01 pixels gives a warp smaller than this, which only blurs and takes time.
_IN_PLACE = 0.05

_BOX_WIDTH = (1.516, 0.647)
_BOX_HEIGHT = (1.455, 1.374)
_BOX_NOSE = -1.219  # a head that turns right extends further on the left
_BOX_DOWN = -0.192


def to_canvas(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float64] | None,
    size: int,
    alignment: Alignment,
    box: NDArray[np.float64] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """A photo on the canvas, by the alignment that the backbone's weights expect.

    - ``arcface``: the similarity that brings the five landmarks nearest to ArcFace's template; black outside the photo.
      A photo of the canvas's size that it would move by less than 0.05 pixels is already aligned and stays unchanged.
    - a template: likewise, to its own points and on its own canvas.
    - ``box``: the detector's box with facenet's margin, cut at the photo's edges, stretched to the square. Without a
      box, MTCNN's is approximated from the landmarks (``box_from_landmarks``). Without both, the photo is such a box
      already and is stretched whole.
    - ``none``: the middle square cropped and resized.

    A photo without landmarks (for ``box``: without both) **is treated as already aligned**; for ``arcface`` as with
    ``none``, for a template the middle part with its canvas's proportions.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        landmarks: ``(5, 2)`` in pixels of the photo, or None.
        size: of the canvas in pixels: its side, with a template its height.
        alignment: as above.
        box: ``(4,)`` left, top, right, bottom in pixels of the photo, or None.

    Returns:
        uint8 RGB ``(3, height, width)`` and float32 ``(5, 2)`` in pixels of the canvas (None without landmarks).

    Raises:
        ValueError: impossible landmarks or box.
    """
    import torch  # `pixels_on_canvas` serves programs that do without it

    pixels, moved = pixels_on_canvas(image, landmarks, size, alignment, box)
    tensor = torch.from_numpy(planes_of(pixels))
    return tensor, None if moved is None else torch.from_numpy(moved)


def pixels_on_canvas(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float64] | None,
    size: int,
    alignment: Alignment,
    box: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    """``to_canvas`` as arrays, the image ``(height, width, 3)`` as decoders return it."""
    shape, template = canvas_shape(size, alignment), template_points(size, alignment)
    if template is not None and landmarks is not None:
        matrix = similarity_transform(landmarks, template)
        if image.shape[:2] == shape and moves_nothing(matrix[None], shape)[0]:
            pixels, matrix = image, np.eye(2, 3)
        else:
            pixels = warp(image, matrix, shape)
    elif alignment == "box" and box is None and landmarks is None:
        pixels, matrix = _stretched(image, (0, 0, image.shape[1], image.shape[0]), shape)
    elif alignment == "box":
        box = box_from_landmarks(landmarks) if box is None and landmarks is not None else box
        assert box is not None
        pixels, matrix = cut_box(image, box, size)
    else:
        pixels, matrix = _cut_middle(image, shape)
    if landmarks is None:
        return pixels, None
    return pixels, move_points(landmarks, matrix).astype(np.float32)


def planes_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(H, W, 3)`` as contiguous ``(3, H, W)``."""
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    cv2.split(image, [planes[0], planes[1], planes[2]])  # several times faster than numpy's copy
    return planes


def moves_nothing(matrices: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """For affines ``(b, 2, 3)``, whether each leaves a canvas (height, width) in place, to 0.05 pixels: ``(b,)``."""
    bottom, right = shape[0] - 1.0, shape[1] - 1.0
    corners = np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])
    moved = corners @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    return np.asarray(np.abs(moved - corners).max((1, 2)) < _IN_PLACE)


def box_from_landmarks(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """An approximation of the box that MTCNN gives for a face with these landmarks.

    Centre and sides are linear in the landmarks' centre, the distance between the eyes and the one between eyes and
    mouth; coefficients fitted by least squares to MTCNN's boxes of 13,233 press photos.

    Returns:
        float64 ``(4,)``: left, top, right, bottom.
    """
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    wide = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    high = float(np.linalg.norm(mouth - eyes))
    width = _BOX_WIDTH[0] * wide + _BOX_WIDTH[1] * high
    height = _BOX_HEIGHT[0] * wide + _BOX_HEIGHT[1] * high
    across, below = (landmarks[1] - landmarks[0]) / max(wide, 1e-6), (mouth - eyes) / max(high, 1e-6)
    nose = float((landmarks[2] - (eyes + mouth) / 2) @ across)
    centre = (eyes + mouth) / 2 + across * (_BOX_NOSE * nose) + below * (_BOX_DOWN * high)
    half = np.array([width / 2, height / 2])
    return np.concatenate([centre - half, centre + half])


def warp(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], shape: tuple[int, int], fill: Fill = "black"
) -> NDArray[np.uint8]:
    """The affine on the photo; shrunk by whole factors first where bilinear sampling would skip pixels.

    Args:
        image: RGB ``(H, W, 3)``.
        matrix: 2 x 3, from its pixels to the canvas's.
        shape: height and width of the canvas.
        fill: how pixels beyond the photo are filled: ``black``, or its ``edge`` repeated.
    """
    factor = int(1.0 / max(float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))), 1e-6))
    if factor >= 2 and min(image.shape[:2]) // factor >= 1:
        height, width = image.shape[0] // factor, image.shape[1] // factor
        ratio = np.array([image.shape[1] / width, image.shape[0] / height])
        image = _resize(image, width, height)
        shrunk = matrix[:, :2] * ratio
        matrix = np.column_stack([shrunk, matrix[:, 2] + matrix[:, :2] @ ((ratio - 1.0) / 2.0)])
    warped = cv2.warpAffine(image, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=_BORDER[fill])
    return np.asarray(warped, dtype=np.uint8)


def cut_box(
    image: NDArray[np.uint8], box: NDArray[np.float64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    height, width = image.shape[:2]
    margin = (box[2:] - box[:2]) * (BOX_MARGIN / (1.0 - BOX_MARGIN)) / 2.0
    left, top = np.floor(np.maximum(box[:2] - margin, 0.0)).astype(int)
    right, bottom = np.ceil(np.minimum(box[2:] + margin, [width, height])).astype(int)
    if right - left < 2 or bottom - top < 2:
        raise ValueError(f"the face's box {np.round(box, 1).tolist()} is not in the photo of {width} x {height} pixels")
    return _stretched(image, (left, top, right, bottom), (size, size))


def _cut_middle(image: NDArray[np.uint8], shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The largest part in the middle with the canvas's proportions, resized."""
    height, width = image.shape[:2]
    high, wide = height, max(1, round(height * shape[1] / shape[0]))
    if wide > width:
        high, wide = max(1, round(width * shape[0] / shape[1])), width
    top, left = (height - high) // 2, (width - wide) // 2
    return _stretched(image, (left, top, left + wide, top + high), shape)


def _stretched(
    image: NDArray[np.uint8], part: tuple[int, int, int, int], shape: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part (left, top, right, bottom) resized to the canvas, and the affine from the photo to the canvas."""
    left, top, right, bottom = part
    height, width = shape
    scale = np.array([width / (right - left), height / (bottom - top)])
    matrix = np.column_stack([np.diag(scale), (0.5 - np.array([left, top])) * scale - 0.5])
    return _resize(image[top:bottom, left:right], width, height), matrix


def _resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize by area averages when shrinking, bilinearly when enlarging."""
    if image.shape[:2] == (height, width):
        return image
    shrinking = width < image.shape[1] or height < image.shape[0]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)
