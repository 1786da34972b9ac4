"""How the faces of a set are placed on the canvas, computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import Alignment, canvas_shape
from maskrec.contracts.sample import Sample
from maskrec.faces.alignment import aligned_sides, similarity_transforms, template_points
from maskrec.faces.landmarks import another_photos, fits_aligned
from maskrec.images.canvas import moves_nothing, pixels_on_canvas

_AT_ONCE = 65_536


class Aligner:
    """Landmarks and boxes of a set, and which of its faces are already aligned if they have the canvas's size.

    Landmarks that cannot be of the photo that they are given for are refused when it is placed.

    Args:
        size: of the canvas in pixels: its side, with a template its height.
        alignment: see ``images.canvas.to_canvas``.
        landmarks: float64 ``(n, 5, 2)`` in pixels of each image, or None.
        boxes: float64 ``(n, 4)``, or None.
    """

    def __init__(
        self,
        size: int,
        alignment: Alignment,
        landmarks: NDArray[np.float64] | None = None,
        boxes: NDArray[np.float64] | None = None,
    ) -> None:
        self.size, self.alignment, self.landmarks, self.boxes = size, alignment, landmarks, boxes
        self.shape = canvas_shape(size, alignment)
        self._sides = None if landmarks is None else _in_parts(aligned_sides, landmarks).astype(np.float32)
        self._in_place = _in_place(size, alignment, landmarks, boxes)
        if self._in_place is not None and self._sides is not None:
            # Landmarks of an aligned face of another size are looked at beside the photo, which cannot be theirs.
            self._in_place &= (self._sides == 0) | fits_aligned(self._sides, *self.shape)

    def is_aligned(self, index: int) -> bool:
        """Whether a face of the canvas's size needs no change."""
        return self._in_place is None or bool(self._in_place[index])

    def are_aligned(self, indices: NDArray[np.int64]) -> list[bool]:
        """``is_aligned`` of many faces."""
        flags: list[bool] = [True] * len(indices) if self._in_place is None else self._in_place[indices].tolist()
        return flags

    def points(self, indices: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Landmarks of faces that stay: float32 ``(n, 5, 2)``, or None."""
        return None if self.landmarks is None else self.landmarks[indices].astype(np.float32)

    def sample(self, image: NDArray[np.uint8], index: int, label: int, masked: bool, name: str) -> Sample:
        """A face of the set on the canvas: what ``to_canvas`` gives, without its arithmetic where nothing moves.

        The image stays in memory as decoders leave it, pixel by pixel: its planes are separated on the device.

        Args:
            image: uint8 RGB ``(H, W, 3)``.
            index: its number in the set.
            label: of the identity.
            masked: whether it wears a mask.
            name: its place, for messages.

        Raises:
            UsageError: landmarks or a box are those of another photo, or do not fit the image; the message begins with
            ``name``.
        """
        points = None if self.landmarks is None else self.landmarks[index]
        if image.shape[:2] == self.shape and self.is_aligned(index):
            moved = None if points is None else torch.from_numpy(points.astype(np.float32))
            return Sample(_tensor(image), label, moved, masked, name)
        box = None if self.boxes is None else self.boxes[index]
        if points is not None and self._sides is not None:
            height, width = image.shape[:2]
            if fault := another_photos(points, float(self._sides[index]), width, height):
                raise UsageError(f"{name}: {fault}; name landmarks of this photo, or leave them out")
        try:
            pixels, places = pixels_on_canvas(image, points, self.size, self.alignment, box)
        except (ValueError, cv2.error) as error:
            raise UsageError(f"{name}: cannot be placed on the canvas: {error}") from error
        moved = None if places is None else torch.from_numpy(places)
        return Sample(_tensor(pixels), label, moved, masked, name)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """``(H, W, 3)`` seen as ``(3, H, W)``."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)


def _in_place(
    size: int, alignment: Alignment, landmarks: NDArray[np.float64] | None, boxes: NDArray[np.float64] | None
) -> NDArray[np.bool_] | None:
    """Which faces stay in place; None for all."""
    shape, template = canvas_shape(size, alignment), template_points(size, alignment)
    if template is not None and landmarks is not None:
        return _in_parts(lambda part: moves_nothing(similarity_transforms(part, template), shape), landmarks)
    if alignment == "box" and (landmarks is not None or boxes is not None):
        return np.zeros(len(landmarks if landmarks is not None else boxes), np.bool_)  # type: ignore[arg-type]
    if landmarks is not None:
        return np.asarray(((landmarks >= -0.5) & (landmarks <= np.array(shape[::-1]) - 0.5)).all((1, 2)))
    return None


def _in_parts(measure: Callable[[NDArray[np.float64]], NDArray[Any]], landmarks: NDArray[np.float64]) -> NDArray[Any]:
    """``measure`` of all landmarks, with the memory for some of them at once."""
    parts = range(0, len(landmarks), _AT_ONCE)
    found = [measure(landmarks[part : part + _AT_ONCE]) for part in parts]
    return np.concatenate(found) if found else measure(landmarks)
