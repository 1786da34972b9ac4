"""A training set packed into a few large files."""

from __future__ import annotations

from pathlib import Path

from maskrec.contracts.context import Context
from maskrec.datasets.stored import StoredFaces
from maskrec.images.packed.packed import open_packed


class ImagePacked(StoredFaces):
    """A set written by `maskrec data pack`, the fastest to read: its files are memory-mapped and shared by all workers.

    Landmarks, masks and names are those of the packed source; labels number its people in the order of their names. The
    backbone's ``input_spec.alignment`` decides how faces are placed on the canvas, as in ``image_csv``. Raw pixels of
    the canvas's size, already aligned or without landmarks, are used as they are.

    Args:
        path: the folder.
        context: the runner's.
        image_size: side of the canvas in pixels.

    Raises:
        UsageError: when opened, the folder is incomplete, damaged or truncated; an image does not decode.
    """

    def __init__(self, path: Path, context: Context, image_size: int) -> None:
        super().__init__(open_packed(path), context, image_size)
