"""A photo as users give it: a path, bytes, an image of Pillow or an array, one or many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.base.words import one_line, os_reason, type_shown
from maskrec.images.array_pixels import array_to_rgb
from maskrec.images.decoding import decode_image, read_bytes
from maskrec.images.pillow_pixels import most_pixels, opened, orientation_of, rgb_pixels, turned

Photo = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[np.uint8]
"""What a photo can be given as; strings are paths."""

_EXPECTED = "expected a path, the bytes of an image file, an image of Pillow or a uint8 array (height, width, 3)"
_NO_ARRAY = (
    "bgr=True applies to arrays, and no photo here is one: files, bytes and images of Pillow have their own colour "
    "order; remove it"
)
_BYTES = (bytes, bytearray, memoryview)
_JPEG = b"\xff\xd8"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NamedPhoto:
    """A photo with what messages call it.

    Args:
        pixels: uint8 RGB ``(H, W, 3)``, contiguous, as a viewer shows it.
        name: its path, or where the caller has it: ``photos[3]``.
        note: what the user should know of how it was read; empty where it was read as usual.
    """

    pixels: NDArray[np.uint8]
    name: str
    note: str = ""

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"NamedPhoto({self.name!r}, {width} x {height} pixels{f', {self.note}' if self.note else ''})"


@dataclass(frozen=True, slots=True)
class UnreadPhoto:
    """A photo that cannot be used.

    Args:
        name: as in ``NamedPhoto``.
        reason: one sentence that begins with the name.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class GivenPhotos:
    """One photo or many, not read yet.

    Args:
        items: read in order, once; a generator is fine.
        one: whether a single photo was given and no collection.
    """

    items: Iterable[Any]
    one: bool

    def read(self, *, bgr: bool = False) -> Iterator[NamedPhoto | UnreadPhoto]:
        """Read the photos one by one, as ``read_photo`` does; those that cannot be read say why.

        Args:
            bgr: whether arrays are in the order blue, green, red; files, bytes and images of Pillow know their own.

        Raises:
            UsageError: ``bgr`` and no array among the photos, which is known at the end of a generator.
        """
        arrays = number = 0
        if bgr and isinstance(self.items, (list, tuple)):
            require_arrays(self.items)
        for number, item in enumerate(self.items, start=1):
            name = _name_of(item) or (None if self.one else f"photos[{number - 1}]")
            array = isinstance(item, np.ndarray)
            arrays += array
            try:
                yield read_photo(item, bgr=bgr and array, name=name)
            except UsageError as error:
                yield UnreadPhoto(name or _unnamed(item), str(error))
        if bgr and number and not arrays:
            raise UsageError(_NO_ARRAY)


def require_arrays(photos: Sequence[Any]) -> None:
    """Refuse ``bgr=True`` for photos of which none is an array.

    Raises:
        UsageError: none is.
    """
    if photos and not any(isinstance(photo, np.ndarray) for photo in photos):
        raise UsageError(_NO_ARRAY)


def photos_of(given: Any) -> GivenPhotos:
    """What a user gave as one photo or as many.

    Args:
        given: a photo (see ``read_photo``), a list, a tuple or a generator of photos, or an array
            ``(n, height, width, 3)``.

    Raises:
        UsageError: neither; a mapping or a set, whose order means nothing.
    """
    if isinstance(given, np.ndarray) and given.ndim == 4:
        return GivenPhotos(given, False)
    if isinstance(given, (str, os.PathLike, *_BYTES, Image.Image, np.ndarray)):
        return GivenPhotos((given,), True)
    if isinstance(given, Iterable) and not isinstance(given, (Mapping, Set)) and not _is_tensor(given):
        return GivenPhotos(given, False)
    raise UsageError(f"photos: {_EXPECTED}, or a list of these, not {_shown(given)}")


def read_photo(photo: Any, *, bgr: bool = False, name: str | None = None) -> NamedPhoto:
    """One photo as a viewer shows it: EXIF orientation applied, transparent parts over white.

    Files and bytes are decoded by ``images.decoding.decode_image``; of an animation the first frame is used, and the
    note says so. At most as many pixels are taken as ``data align`` takes (80 megapixels, 50 for some formats).

    Args:
        photo: a path, the bytes of an image file, an image of Pillow (its current frame), or a uint8 array
            ``(H, W, 3)`` or gray ``(H, W)``.
        bgr: whether the array's channels are blue, green, red, as OpenCV has them; for an array only.
        name: how messages call it; by default its path or its kind.

    Raises:
        UsageError: it cannot be read as a photo; one sentence that begins with its name.
    """
    name = name or _name_of(photo) or _unnamed(photo)
    if bgr:
        require_arrays((photo,))
    if isinstance(photo, (str, os.PathLike)):
        return _from_bytes(photo_file(os.fspath(photo), name), name)
    if isinstance(photo, _BYTES):
        return _from_bytes(bytes(photo), name)
    if isinstance(photo, Image.Image):
        return _from_image(photo, name)
    if isinstance(photo, np.ndarray):
        return _from_array(photo, bgr, name)
    raise UsageError(f"{name}: {_EXPECTED}, not {_shown(photo)}")


def _name_of(photo: Any) -> str:
    """A path; empty for what has none."""
    if isinstance(photo, (str, os.PathLike)):
        return str(os.fspath(photo))
    return str(getattr(photo, "filename", "") or "") if isinstance(photo, Image.Image) else ""


def _unnamed(photo: Any) -> str:
    kinds = ((_BYTES, "the bytes"), (Image.Image, "the image"), (np.ndarray, "the array"))
    return next((name for kind, name in kinds if isinstance(photo, kind)), "the photo")


def photo_file(path: str, name: str) -> bytes:
    """The bytes of a photo's file.

    Raises:
        UsageError: it cannot be read; one sentence that begins with its name.
    """
    try:
        return read_bytes(path)
    except FileNotFoundError as error:
        raise UsageError(f"{name}: the file does not exist; check the path") from error
    except IsADirectoryError as error:
        raise UsageError(
            f"{name}: it is a folder, not a photo; name a file in it, or use `maskrec embed` for a whole folder"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise UsageError(
            f"{name}: cannot be read ({os_reason(error)}); name an image file that can be opened"
        ) from error


def _from_bytes(data: bytes, name: str) -> NamedPhoto:
    return NamedPhoto(decode_image(data, name), name, "" if data.startswith(_JPEG) else _frames_note(data))


def _frames_note(data: bytes) -> str:
    with opened(data) as image:
        return _frame_note(image)


def _frame_note(image: Image.Image) -> str:
    """What is said of an image of several frames; empty for photos of phones (MPO), which hold further pictures too."""
    try:
        if image.format == "MPO" or not getattr(image, "is_animated", False):
            return ""
        return f"several {'pages' if image.format == 'TIFF' else 'frames'}, number {image.tell() + 1} is used"
    except Exception:  # damaged behind the current frame, or closed
        return ""


def _from_image(image: Image.Image, name: str) -> NamedPhoto:
    if not image.width or not image.height:
        raise UsageError(f"{name}: the image has no pixels ({image.width} x {image.height})")
    if image.width * image.height > (most := most_pixels(image)):
        raise UsageError(
            f"{name}: {image.width} x {image.height} pixels are more than {most // 1_000_000} megapixels, the most "
            "that is taken of such an image; shrink it"
        )
    note = _frame_note(image)
    try:
        pixels = rgb_pixels(image)
        return NamedPhoto(turned(pixels, orientation_of(image)), name, note)
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        raise UsageError(
            f"{name}: not an image that can be decoded, closed, damaged or truncated ({one_line(error)[:200]}); open "
            "it again or use another one"
        ) from error


def _from_array(array: NDArray[Any], bgr: bool, name: str) -> NamedPhoto:
    try:
        return NamedPhoto(array_to_rgb(array, bgr), name)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _is_tensor(given: Any) -> bool:
    """Whether it is an array of another library: iterating over it would give its rows as photos."""
    return hasattr(given, "__array__")


def _shown(given: Any) -> str:
    return f"{type_shown(given)}; its .numpy() may be one" if hasattr(given, "numpy") else type_shown(given)
