"""How the faces of a set are placed on the canvas, computed once for all of them."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import Alignment
from maskrec.contracts.sample import Sample
from maskrec.faces.alignment import arcface_template, similarity_transforms
from maskrec.images.canvas import moves_nothing, pixels_on_canvas

_AT_ONCE = 65_536


class Aligner:
    """Landmarks and boxes of a set, and which of its faces are already aligned if they have the canvas's size.

    Args:
        size: of the canvas in pixels.
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
        self._in_place = _in_place(size, alignment, landmarks, boxes)

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
            UsageError: landmarks or a box do not fit the image; the message begins with ``name``.
        """
        points = None if self.landmarks is None else self.landmarks[index]
        size = self.size
        if image.shape[0] == size == image.shape[1] and self.is_aligned(index):
            moved = None if points is None else torch.from_numpy(points.astype(np.float32))
            return Sample(_tensor(image), label, moved, masked, name)
        box = None if self.boxes is None else self.boxes[index]
        try:
            pixels, places = pixels_on_canvas(image, points, size, self.alignment, box)
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
    if alignment == "arcface" and landmarks is not None:
        template = arcface_template(size)
        parts = range(0, len(landmarks), _AT_ONCE)
        flags = [
            moves_nothing(similarity_transforms(landmarks[part : part + _AT_ONCE], template), size) for part in parts
        ]
        return np.concatenate(flags) if flags else np.zeros(0, np.bool_)
    if alignment == "box" and (landmarks is not None or boxes is not None):
        return np.zeros(len(landmarks if landmarks is not None else boxes), np.bool_)  # type: ignore[arg-type]
    return None
