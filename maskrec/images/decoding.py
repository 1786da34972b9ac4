"""Image files to pixels."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import LARGEST_PHOTO, read_regular
from maskrec.base.words import one_line, os_reason, typed_line
from maskrec.images.jpeg_header import plain_jpeg_size
from maskrec.images.pillow_pixels import (
    FORMAT_NAMES,
    MAX_PIXELS,
    most_pixels,
    opened,
    orientation_of,
    rgb_pixels,
    turned,
)

# Loader workers are the parallelism here, and OpenCV's own threads do not survive a fork.
cv2.setNumThreads(0)

# libjpeg-turbo's messages about damage; its other errors are about kinds that it does not support.
_DAMAGE = ("Corrupt JPEG", "Premature end", "Invalid JPEG", "Unsupported marker")


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """A file's photo, as returned by ``decode_image``.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous.

    Raises:
        UsageError: the file is missing, or as in ``decode_image``; the message names the path.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({os_reason(error)}); fix it or remove it") from error
    return decode_image(data, path)


def read_bytes(path: str | Path) -> bytes:
    """A photo's file, as it is.

    Raises:
        OSError: it cannot be read, or is not a regular file of at most ``LARGEST_PHOTO`` bytes.
    """
    return read_regular(path, LARGEST_PHOTO)


def decode_image(data: bytes, name: str | Path) -> NDArray[np.uint8]:
    """One photo as a viewer shows it: its EXIF orientation applied, transparent parts over white.

    Formats: JPEG (MPO as well), PNG, WebP, BMP, TIFF, GIF, and AVIF where Pillow reads it. EXIF entries that are
    truncated or point nowhere are ignored, as in viewers: the photo is used as stored. Gray and CMYK become RGB, 16
    bits per channel become 8 (see ``pillow_pixels.rgb_pixels``); of an animation the first frame is used. JPEGs are
    decoded by libjpeg-turbo, plain ones directly, others after checking their header; everything else by Pillow. A
    JPEG whose data libjpeg-turbo reports as corrupt is rejected: most such files decode to a mosaic.

    Args:
        data: the file's content.
        name: its name in messages: its path, or the archive and its place there.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous.

    Raises:
        UsageError: the data is empty, truncated, damaged, not an image of these formats, has pixels whose white is
            unknown, or a header that announces more than ``pillow_pixels.most_pixels``; the message begins with
            ``name``.
    """
    if not data:
        raise UsageError(f"{name}: the file is empty (0 bytes); download it again or remove it")
    try:
        pixels = _decode_plain_jpeg(data)
        return _decode_after_header(data) if pixels is None else pixels
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many(name, MAX_PIXELS) from error
    except _TooManyPixelsError as error:
        raise _too_many(name, error.args[0]) from error
    except UnidentifiedImageError as error:
        raise UsageError(
            f"{name}: not an image of a format that is read ({FORMAT_NAMES}), or its header is damaged; convert it, "
            "download it again or remove it"
        ) from error
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        # What these three say is a sentence; of others the type tells more.
        reason = one_line(error) if isinstance(error, (OSError, SyntaxError, ValueError)) else typed_line(error)
        # Pillow includes the buffer's address, but the same photo must be rejected with the same message.
        reason = re.sub(r" <[\w.]+ object at 0x[0-9a-f]+>| at 0x[0-9a-f]+", "", reason)[:200]
        raise UsageError(
            f"{name}: not an image that can be decoded, damaged or truncated ({reason}); download it again or remove it"
        ) from error


class _TooManyPixelsError(Exception):
    """More pixels than its argument."""


def _too_many(name: str | Path, most: int) -> UsageError:
    said = f"its header announces more than {most // 1_000_000} megapixels"
    return UsageError(f"{name}: {said}, the most that is decoded of such a file; shrink it or remove it")


def decode_into(data: bytes, space: NDArray[np.uint8]) -> bool:
    """Whether a plain JPEG of the size of ``space`` (uint8 ``(H, W, 3)``, contiguous) was decoded into it.

    For everything else, call ``decode_image``; the space's previous content may then be lost.
    """
    if plain_jpeg_size(data) != space.shape[:2]:
        return False
    try:
        simplejpeg.decode_jpeg(data, "RGB", buffer=space)
    except ValueError:
        return False
    return True


def _decode_plain_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    size = plain_jpeg_size(data)
    if size is None:
        return None
    if size[0] * size[1] > MAX_PIXELS:
        raise _TooManyPixelsError(MAX_PIXELS)
    return _decode_strictly(data, "RGB")


def _decode_after_header(data: bytes) -> NDArray[np.uint8]:
    with opened(data) as header:
        if header.width * header.height > (most := most_pixels(header)):
            raise _TooManyPixelsError(most)
        if header.format in ("JPEG", "MPO"):
            pixels = _decode_strictly(data, header.mode)
            if pixels is not None and header.mode in ("L", "RGB"):
                return turned(pixels, orientation_of(header))
            del pixels  # the memory of a second copy
        pixels = rgb_pixels(header)
        return turned(pixels, orientation_of(header))


def _decode_strictly(data: bytes, mode: str) -> NDArray[np.uint8] | None:
    """A JPEG's pixels, not rotated, RGB or CMYK; ValueError for damage, None for kinds that libjpeg-turbo cannot read.

    Pillow reads damaged files silently, OpenCV with libjpeg's own messages on the terminal.
    """
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "CMYK" if mode == "CMYK" else "RGB")
        return pixels
    except ValueError as error:
        if str(error).startswith(_DAMAGE):
            raise
        return None
