"""Values that every data set derives from its givens."""

from __future__ import annotations


def canvas_of(image_size: int) -> int:
    """The canvas's side.

    Raises:
        ValueError: below 1 pixel.
    """
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, not {image_size}")
    return image_size
