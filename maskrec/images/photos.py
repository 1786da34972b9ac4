"""Photos: where they are, whether they can be photos at all, and opened one by one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import Alignment
from maskrec.contracts.sample import Sample
from maskrec.images.aligner import Aligner
from maskrec.images.decoding import decode_into, read_bytes, read_image

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif")
"""In lower case, of all formats that are decoded."""


def is_text(name: str, content: bytes) -> bool:
    """Whether a file is text and not a damaged photo: neither its ending nor its content is a photo's."""
    if not content or b"\0" in content or name.lower().endswith(PHOTO_ENDINGS):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class Photos:
    """Existing photos, each placed on the canvas when it is opened; can be pickled for loader workers.

    Args:
        paths: of the files.
        size: of the canvas in pixels.
        alignment: how faces are placed on it; see ``images.canvas.to_canvas``.
        landmarks: float64 ``(n, 5, 2)`` in pixels of each photo as the viewer sees it, or None.
        boxes: float64 ``(n, 4)`` left, top, right, bottom, or None.
    """

    def __init__(
        self,
        paths: Sequence[str],
        size: int,
        alignment: Alignment,
        landmarks: NDArray[np.float64] | None = None,
        boxes: NDArray[np.float64] | None = None,
    ) -> None:
        self.paths, self.aligner = paths, Aligner(size, alignment, landmarks, boxes)

    def __len__(self) -> int:
        return len(self.paths)

    def open(self, index: int, label: int, masked: bool) -> Sample:
        """One photo on the canvas.

        Raises:
            UsageError: the file is not an image, or its landmarks do not fit it; with the path.
        """
        path = self.paths[index]
        return self.aligner.sample(read_image(path), index, label, masked, path)

    def stored(self, index: int) -> bytes:
        """A photo's file, as it is.

        Raises:
            UsageError: it cannot be read; with the path.
        """
        path = self.paths[index]
        try:
            return read_bytes(path)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error})") from error

    def put(self, indices: Sequence[int], space: NDArray[np.uint8]) -> Iterator[bool]:
        """Write photos into their rows of ``space``; returns whether each was written as it is, a JPEG that fills it.

        Args:
            indices: which photos.
            space: uint8 ``(n, H, W, 3)``, contiguous.
        """
        for index, row in zip(indices, space, strict=True):
            yield self.aligner.is_aligned(index) and self._into(index, row)

    def _into(self, index: int, space: NDArray[np.uint8]) -> bool:
        try:
            return decode_into(read_bytes(self.paths[index]), space)
        except OSError:
            return False


def file_problem(path: str) -> str | None:
    """Why a file cannot be an image, without opening it; None when it may be one."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path for every photo of a large set takes seconds
    except (OSError, ValueError) as error:
        return "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    return None if status.st_size else "the file is empty (0 bytes)"


@lru_cache(maxsize=64)
def _real(folder: Path, current: str) -> str:
    """The folder without links; a relative one is another in another current folder."""
    return os.path.realpath(os.path.join(current, folder))  # noqa: PTH118 - a Path for every photo is slow


def place_of(root: Path, name: str) -> str:
    """A photo's place: ``name`` below ``root`` (whose links are followed), or where it says when absolute."""
    current = "" if root.is_absolute() else os.getcwd()  # noqa: PTH109 - likewise
    return os.path.normpath(os.path.join(_real(root, current), name))  # noqa: PTH118 - likewise


def place_without_links(place: str, folders: dict[str, str]) -> str:
    """An absolute place with the links of its folders followed, and its own; photos of one file have one such place.

    Args:
        place: of a photo, whether it exists or not.
        folders: each folder's own place, kept from call to call: photos share folders.
    """
    folder, name = os.path.split(place)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    followed = os.path.join(folders[folder], name)  # noqa: PTH118 - likewise
    return os.path.realpath(followed) if os.path.islink(followed) else followed  # noqa: PTH114 - likewise
