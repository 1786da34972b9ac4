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

from maskrec.contracts.errors import UsageError
from maskrec.images.jpeg_header import plain_jpeg_size

MAX_PIXELS = 80_000_000
_PIECE = 1 << 16

# Loader workers are the parallelism here, and OpenCV's own threads do not survive a fork.
cv2.setNumThreads(0)

_FAST_MODES = ("L", "RGB", "CMYK")
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}


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

    Gray and CMYK become RGB, 16 bits a channel become 8; of an animation the first frame is taken. Plain JPEGs are
    decoded by libjpeg-turbo at once, other complete JPEG and PNG files of the plain modes by OpenCV after a look at
    their header; everything else by Pillow, slower and stricter.

    Args:
        data: the file's content.
        name: what messages call it: its path, or the archive and its place there.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous.

    Raises:
        UsageError: nothing, cut short, no image, floating-point pixels, or a header that announces more than
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
        reason = re.sub(r" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}".replace("\n", " "))[:200]
        raise UsageError(
            f"{name}: not an image that can be decoded, or cut short ({reason}); fetch it again or leave it out"
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
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB")
        return pixels
    except ValueError:
        return None  # odd or damaged: what can be saved of it is for the patient decoders to say


def _decode_after_header(data: bytes) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as header:
            return _decode(data, header)


def _decode(data: bytes, header: Image.Image) -> NDArray[np.uint8]:
    if header.width * header.height > MAX_PIXELS:
        raise _TooManyPixelsError
    complete = data.endswith(_ENDS.get(header.format or "", b"\0no such end"))
    if complete and header.mode in _FAST_MODES and "transparency" not in header.info:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise ValueError("OpenCV finds no image in it")
        return np.ascontiguousarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return _decode_slowly(header)


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
