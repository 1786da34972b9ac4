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

# What libjpeg-turbo says of damage; its other complaints are of kinds that it does not read.
_DAMAGE = ("Corrupt JPEG", "Premature end", "Invalid JPEG", "Unsupported marker")
_ORIENTATION = 0x0112


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """A file's photo, as ``decode_image`` gives it.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous.

    Raises:
        UsageError: the file is missing, or as of ``decode_image``; the message names the path.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error}); mend it or leave it out") from error
    return decode_image(data, path)


def read_bytes(path: str | Path) -> bytes:
    """A file's bytes; with what a stream does beside, opening one costs a tenth of decoding a face."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        piece = os.read(handle, _PIECE)
        if len(piece) < _PIECE:  # of a file, only its end is that short
            return piece
        pieces = [piece]
        while pieces[-1]:
            pieces.append(os.read(handle, 1 << 24))
        return b"".join(pieces)
    finally:
        os.close(handle)


def decode_image(data: bytes, name: str | Path) -> NDArray[np.uint8]:
    """One photo as the viewer sees it: its EXIF orientation applied, transparent parts over white.

    EXIF entries that break off or point nowhere say nothing, as in viewers: the photo is taken as it lies.
    Gray and CMYK become RGB, 16 bits a channel become 8; of an animation the first frame is taken. JPEGs are decoded by
    libjpeg-turbo, plain ones at once, others after a look at their header; everything else by Pillow. A JPEG whose data
    libjpeg-turbo calls corrupt is refused: most such files show a mosaic.

    Args:
        data: the file's content.
        name: what messages call it: its path, or the archive and its place there.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous.

    Raises:
        UsageError: nothing, cut short, damaged, no image, floating-point pixels, or a header that announces more than
            ``MAX_PIXELS``; the message begins with ``name``.
    """
    if not data:
        raise UsageError(f"{name}: the file is empty (0 bytes); fetch it again or leave it out")
    try:
        pixels = _decode_plain_jpeg(data)
        return _decode_after_header(data) if pixels is None else pixels
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, _TooManyPixelsError) as error:
        raise UsageError(
            f"{name}: its header announces more than {MAX_PIXELS // 1_000_000} megapixels; shrink it or leave it out"
        ) from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        # Pillow names the buffer by its address, and the same photo must be rejected in the same words.
        reason = re.sub(r" <[\w.]+ object at 0x[0-9a-f]+>| at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")
        reason = reason.replace("\n", " ")[:200]
        raise UsageError(
            f"{name}: not an image that can be decoded, damaged or cut short ({reason}); fetch it again or leave it out"
        ) from error


class _TooManyPixelsError(Exception):
    pass


def decode_into(data: bytes, space: NDArray[np.uint8]) -> bool:
    """Whether a plain JPEG of the size of ``space`` (uint8 ``(H, W, 3)``, contiguous) was decoded into it.

    For everything else, ``decode_image`` is to be asked; what was in the space may be lost by then.
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
        warnings.simplefilter("ignore", UserWarning)  # header entries that point nowhere; of the pixels Pillow raises
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
    """A JPEG's pixels, not turned, RGB or CMYK; ValueError for damage, None for kinds that libjpeg-turbo does not read.

    Pillow reads damaged files without a word, OpenCV with libjpeg's own lines on the screen.
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
        raise ValueError("its pixels are floating-point numbers, and what white is nobody knows")
    image = ImageOps.exif_transpose(header)
    if image.mode.startswith("I"):
        gray = np.asarray(image).astype(np.int64)
        return np.repeat(np.clip(gray >> 8, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"), dtype=np.uint8)
