"""Image files to pixels."""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

from maskrec.base.errors import UsageError
from maskrec.images.jpeg_header import plain_jpeg_size

MAX_PIXELS = 80_000_000
_PIECE = 1 << 16

# Loader workers are the parallelism here, and OpenCV's own threads do not survive a fork.
cv2.setNumThreads(0)

# libjpeg-turbo's messages about damage; its other errors are about kinds that it does not support.
_DAMAGE = ("Corrupt JPEG", "Premature end", "Invalid JPEG", "Unsupported marker")
_ORIENTATION = 0x0112


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
        raise UsageError(f"{path}: cannot be read ({error.strerror or error}); fix it or remove it") from error
    return decode_image(data, path)


def read_bytes(path: str | Path) -> bytes:
    """A file's bytes; a stream object's overhead would cost a tenth of decoding a face."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        piece = os.read(handle, _PIECE)
        if len(piece) < _PIECE:  # only the end of a file is that short
            return piece
        pieces = [piece]
        while pieces[-1]:
            pieces.append(os.read(handle, 1 << 24))
        return b"".join(pieces)
    finally:
        os.close(handle)


def decode_image(data: bytes, name: str | Path) -> NDArray[np.uint8]:
    """One photo as a viewer shows it: its EXIF orientation applied, transparent parts over white.

    EXIF entries that are truncated or point nowhere are ignored, as in viewers: the photo is used as stored.
    Gray and CMYK become RGB, 16 bits per channel become 8; of an animation the first frame is used. JPEGs are decoded
    by libjpeg-turbo, plain ones directly, others after checking their header; everything else by Pillow. A JPEG whose
    data libjpeg-turbo reports as corrupt is rejected: most such files decode to a mosaic.

    Args:
        data: the file's content.
        name: its name in messages: its path, or the archive and its place there.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous.

    Raises:
        UsageError: the data is empty, truncated, damaged, not an image, has floating-point pixels, or a header that
            announces more than ``MAX_PIXELS``; the message begins with ``name``.
    """
    if not data:
        raise UsageError(f"{name}: the file is empty (0 bytes); download it again or remove it")
    try:
        pixels = _decode_plain_jpeg(data)
        return _decode_after_header(data) if pixels is None else pixels
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, _TooManyPixelsError) as error:
        raise UsageError(
            f"{name}: its header announces more than {MAX_PIXELS // 1_000_000} megapixels; shrink it or remove it"
        ) from error
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        # Pillow includes the buffer's address, but the same photo must be rejected with the same message.
        reason = re.sub(r" <[\w.]+ object at 0x[0-9a-f]+>| at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")
        reason = reason.replace("\n", " ")[:200]
        raise UsageError(
            f"{name}: not an image that can be decoded, damaged or truncated ({reason}); download it again or remove it"
        ) from error


class _TooManyPixelsError(Exception):
    pass


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
        raise _TooManyPixelsError
    return _decode_strictly(data, "RGB")


def _decode_after_header(data: bytes) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)  # header entries that point nowhere; for bad pixels Pillow raises
        with Image.open(io.BytesIO(data)) as header:
            return _decode(data, header)


def _decode(data: bytes, header: Image.Image) -> NDArray[np.uint8]:
    if header.width * header.height > MAX_PIXELS:
        raise _TooManyPixelsError
    if header.format in ("JPEG", "MPO"):
        pixels = _decode_strictly(data, header.mode)
        if pixels is not None and header.mode in ("L", "RGB"):
            return _turned(pixels, header)
    return _decode_slowly(header)


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


def _turned(pixels: NDArray[np.uint8], header: Image.Image) -> NDArray[np.uint8]:
    orientation = header.getexif().get(_ORIENTATION, 1)
    if orientation == 1:
        return pixels
    image = Image.fromarray(pixels)
    image.getexif()[_ORIENTATION] = orientation
    return np.array(ImageOps.exif_transpose(image), dtype=np.uint8)


def _decode_slowly(header: Image.Image) -> NDArray[np.uint8]:
    if header.mode == "F":
        raise ValueError("its pixels are floating-point numbers, so the value of white is unknown")
    image = ImageOps.exif_transpose(header)
    if image.mode.startswith("I"):
        gray = np.asarray(image).astype(np.int64)
        return np.repeat(np.clip(gray >> 8, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"), dtype=np.uint8)
