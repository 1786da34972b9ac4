"""Encodes pixels as JPEG or PNG files; the same pixels give the same bytes."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

Format = Literal["jpg", "png"]


def encode_image(pixels: NDArray[np.uint8], form: Format, quality: int = 95) -> bytes:
    """A file's content.

    Args:
        pixels: uint8 RGB ``(H, W, 3)``.
        form: ``png`` is lossless.
        quality: of JPEG files, 1 to 100; colours at half the resolution (4:2:0), as in nearly all photos.
    """
    if form == "png":
        return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1])
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "420", fastdct=False))
