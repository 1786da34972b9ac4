"""Images that Pillow decodes, as 8-bit RGB with few copies in memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pillow knows forty more, some of which start a program (Ghostscript for EPS) or are not images of pixels (WMF).
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
FORMAT_NAMES = "JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF"

MAX_PIXELS = 80_000_000
# Their decoders keep up to 16 bytes a pixel at once, others up to 10: at most 0.8 GB for any image.
_FEWER_PIXELS = {"WEBP": 50_000_000, "AVIF": 50_000_000}
_FEWER_IN_DEEP_TIFF = 50_000_000

_ORIENTATION = 0x0112
_STRIP = 1 << 20  # pixels converted at a time: whole copies would take four times the decoded image
_DEPTHS = (8, 10, 12, 14, 16)  # bits of the cameras and scanners that write 16-bit files
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """An image of one of ``FORMATS`` whose pixels are not decoded yet; decode it within the context.

    Raises:
        UnidentifiedImageError: another format, or a damaged header.
        DecompressionBombWarning: far too many pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)  # header entries that point nowhere; for bad pixels Pillow raises
        with Image.open(io.BytesIO(data), formats=_supported()) as image:
            yield image


def _supported() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]  # AVIF is missing from some builds of Pillow


def most_pixels(image: Image.Image) -> int:
    """How many pixels an image of this format and depth may have; ask before it is decoded."""
    if image.format == "TIFF" and _is_deep(image):
        return _FEWER_IN_DEEP_TIFF
    return _FEWER_PIXELS.get(image.format or "", MAX_PIXELS)


def _is_deep(image: Image.Image) -> bool:
    """Whether an image that is not decoded yet has channels of 16 bits."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where it is missing or has another value.

    For a TIFF, which Pillow turns while it decodes, ask after that.
    """
    value: Any = image.getexif().get(_ORIENTATION, 1)
    return int(value) if value in range(1, 9) else 1


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """``(H, W, 3)`` pixels turned and mirrored as an EXIF orientation says (CIPA DC-008, 4.6.5.1), contiguous."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def rgb_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """An image's pixels, not turned, transparent parts over white: uint8 RGB ``(H, W, 3)``.

    Takes 3 bytes a pixel beside the decoded image. Gray values of 16 bits become 8 by the smallest of 8, 10, 12, 14
    and 16 bits that holds the brightest one: many programs store 12 bits in 16 without scaling them.

    Raises:
        ValueError: pixels whose white is unknown: floating-point numbers, integers of more than 16 bits, or 16-bit
            colours that use 14 bits or fewer.
        OSError: truncated or damaged.
    """
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, so the value of white is unknown")
    deep = _is_deep(image)
    image.load()
    if image.mode.startswith("I"):
        return _from_integers(image)
    if deep:
        _refuse_unscaled(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, strip in _strips(image):
        pixels[top : top + strip.height] = np.asarray(_over_white(strip).convert("RGB"))
    return pixels


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image in parts of whole rows, each with its first row."""
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)


def _from_integers(image: Image.Image) -> NDArray[np.uint8]:
    brightest = max(int(np.asarray(strip).max()) for _, strip in _strips(image))
    depth = next((bits for bits in _DEPTHS if brightest < 1 << bits), None)
    if depth is None:
        raise ValueError("its pixels are integers of more than 16 bits, so the value of white is unknown")
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, strip in _strips(image):
        gray = np.maximum(np.asarray(strip), 0) >> (depth - 8)
        pixels[top : top + strip.height] = gray.astype(np.uint8)[:, :, None]
    return pixels


def _refuse_unscaled(image: Image.Image) -> None:
    """Refuse 16-bit colours that would be nearly black; Pillow has kept their upper 8 bits only."""
    colours = [band for name, band in zip(image.getbands(), image.split(), strict=True) if name not in ("A", "a")]
    if max(int(np.asarray(band).max()) for band in colours) < 1 << 6:
        raise ValueError("its 16-bit channels use 14 bits or fewer, so the value of white is unknown: save it as 8-bit")
