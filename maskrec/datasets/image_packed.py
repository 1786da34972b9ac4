"""A training set packed into a few large files."""

from __future__ import annotations

from pathlib import Path

from maskrec.contracts.context import Context
from maskrec.datasets.stored import StoredFaces
from maskrec.images.packed.packed import open_packed


class ImagePacked(StoredFaces):
    """What `maskrec data pack` made: the fastest to read, its files mapped into memory and shared by all workers.

    Landmarks, masks and names are those of the packed source; labels count its people in the order of their names. The
    backbone's ``input_spec.alignment`` decides how faces are brought to the canvas, as in ``image_csv``. Raw pixels of
    the canvas's size, aligned already or without landmarks, are taken as they are.

    Args:
        path: the folder.
        context: the runner's.
        image_size: side of the canvas in pixels.

    Raises:
        UsageError: a folder that is incomplete, damaged or cut short, when opened; an image that does not decode.
    """

    def __init__(self, path: Path, context: Context, image_size: int) -> None:
        super().__init__(open_packed(path), context, image_size)
