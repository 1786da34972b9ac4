"""Faces that the program draws, on the canvas of a backbone with a template of its own."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from maskrec.contracts.input_spec import Alignment, AlignmentTemplate
from maskrec.images.canvas import to_canvas


def drawn_on_canvas(image: Tensor, landmarks: Tensor, size: int, alignment: Alignment) -> tuple[Tensor, Tensor]:
    """A drawn face as it is, which suits every square canvas; for a template moved to its points.

    Args:
        image: uint8 RGB ``(3, size, size)``.
        landmarks: float32 ``(5, 2)`` in its pixels.
        size: of the canvas: its side, with a template its height.
        alignment: of the backbone.

    Returns:
        uint8 RGB ``(3, height, width)`` and float32 ``(5, 2)``.
    """
    if not isinstance(alignment, AlignmentTemplate):
        return image, landmarks
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    placed, moved = to_canvas(pixels, landmarks.double().numpy(), size, alignment)
    return placed, landmarks if moved is None else moved
