"""Arrays that programs hold as photos, checked and brought to RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.images.pillow_pixels import MAX_PIXELS

_EXPECTED = "expected uint8 (height, width, 3) in RGB, or (height, width) for gray"


def array_to_rgb(array: NDArray[Any], bgr: bool = False) -> NDArray[np.uint8]:
    """A photo in an array as RGB.

    Args:
        array: uint8 ``(H, W, 3)``, or gray ``(H, W)`` or ``(H, W, 1)``; at most ``MAX_PIXELS``.
        bgr: whether its channels are blue, green, red, as OpenCV has them.

    Returns:
        uint8 ``(H, W, 3)``, contiguous; the array itself where it is that already.

    Raises:
        ValueError: another shape or type, in one sentence that says how to convert it; no pixels, or too many.
    """
    if problem := _problem(array):
        raise ValueError(problem)
    if array.ndim == 2 or array.shape[2] == 1:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(array[:, :, ::-1] if bgr else array)


def _problem(array: NDArray[Any]) -> str:
    """Why an array is not a photo; empty where it may be one."""
    shape = array.shape
    if array.ndim == 3 and shape[2] == 4:
        return "the array has four channels; array[:, :, :3] drops the transparency"
    if array.ndim == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
        return f"{_EXPECTED}, not {shape}; array.transpose(1, 2, 0) moves the channels last"
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3)):
        return f"{_EXPECTED}, not {shape}"
    if not array.size:
        return f"the array of shape {shape} has no pixels"
    if shape[0] * shape[1] > MAX_PIXELS:
        return f"{shape[1]} x {shape[0]} is more than {MAX_PIXELS // 1_000_000} megapixels; shrink it"
    if np.issubdtype(array.dtype, np.floating):
        return f"{_EXPECTED}, not {array.dtype}; (255 * array).round().astype('uint8') converts values from 0 to 1"
    return "" if array.dtype == np.uint8 else f"{_EXPECTED}, not {array.dtype}; bring its values to 0 to 255"
