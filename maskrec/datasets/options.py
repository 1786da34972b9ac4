"""Values that every data set derives from its givens."""

from __future__ import annotations

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import Alignment


def alignment_of(context: Context) -> Alignment:
    """The alignment that the backbone's weights expect; ``none`` where no backbone is known."""
    return context.input_spec.alignment if context.input_spec is not None else "none"


def canvas_of(image_size: int) -> int:
    """The canvas's side.

    Raises:
        ValueError: below 1 pixel.
    """
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, not {image_size}")
    return image_size
