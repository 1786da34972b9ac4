"""One data file of a packed set, and the index over all of them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.files import compact_json
from maskrec.base.waiting import Watch
from maskrec.base.words import one_line
from maskrec.images.canvas import pixels_on_canvas
from maskrec.images.decoding import decode_image
from maskrec.images.packed.face_index import ENTRY, DataFile, FaceIndex, name_columns
from maskrec.images.packed.packed import data_name
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Reader

_TOLD_EVERY = 64

RECORDED = ("kept", "sizes", "checksums", "moved", "rejected")
"""What the record of a data file holds, a list each."""


class GroupWriter:
    """Writes a data file.

    Args:
        reader: of the source.
        side: of raw pixels, or 0.
        fit: whether images of other sizes are cropped and resized.
        meter: receives what is finished.
    """

    def __init__(self, reader: Reader, side: int, fit: bool, meter: Meter) -> None:
        self.reader, self.side, self.fit, self.meter = reader, side, fit, meter

    def write(self, path: Path, items: Sequence[Item]) -> bytes:
        """The file, flushed to disk when this returns, and its record.

        Raises:
            UsageError: a raw image has another size.
            OSError: the disk is full.
        """
        kept: list[int] = []
        sizes: list[int] = []
        checksums: list[int] = []
        moved: list[list[list[float]] | None] = []
        rejected: list[list[str]] = []
        reported = (0, 0, 0)
        place = 0
        with path.open("wb") as stream, Watch(lambda: f"the photo {items[place].key}") as watch:
            for place, item in enumerate(items):
                watch.begin()
                try:
                    data, pixels = self._read(item)
                except UsageError as error:
                    rejected.append([item.key, "unreadable", one_line(error)])
                else:
                    if self.side:
                        data, points = self._raw(item, pixels)
                        moved.append(points)
                    stream.write(data)
                    kept.append(place)
                    sizes.append(len(data))
                    checksums.append(zlib.crc32(data))
                if (place + 1) % _TOLD_EVERY == 0 or place + 1 == len(items):
                    reported = self._report(reported, (place + 1, len(kept), len(rejected)))
            stream.flush()
            os.fsync(stream.fileno())
        record = {"kept": kept, "sizes": sizes, "checksums": checksums, "moved": moved, "rejected": rejected}
        return compact_json(record)

    def _report(self, before: tuple[int, int, int], now: tuple[int, int, int]) -> tuple[int, int, int]:
        self.meter.advance(now[0] - before[0], now[1] - before[1], now[2] - before[2])
        return now

    def _read(self, item: Item) -> tuple[bytes, NDArray[np.uint8]]:
        data = self.reader(item)
        return data, decode_image(data, item.key)

    def _raw(self, item: Item, pixels: NDArray[np.uint8]) -> tuple[bytes, list[list[float]] | None]:
        """Pixels, with landmarks and box (as two corners) moved along."""
        if not self.fit and pixels.shape[:2] != (self.side, self.side):
            raise UsageError(
                f"{item.key}: {pixels.shape[1]} x {pixels.shape[0]} pixels among faces of {self.side} x {self.side}; "
                "align them in the same way, or give --size to resize their middle squares"
            )
        points = [*(item.landmarks or ()), *(item.box or ())]
        corners = np.array(points, dtype=np.float64).reshape(-1, 2) if points else None
        fitted, moved = pixels_on_canvas(pixels, corners, self.side, "none")
        same = pixels.shape[:2] == (self.side, self.side)
        return fitted.tobytes(), None if moved is None or same else moved.tolist()


def group_index(kept: Sequence[Item], records: Sequence[dict[str, Any]], side: int) -> FaceIndex:
    """The index over the data files of these records; labels number the sorted identities that remain."""
    identities = sorted({item.identity for item in kept})
    mask_types = ["", *sorted({item.mask_type for item in kept if item.mask_type})]
    if len(mask_types) > 256:
        raise UsageError(f"{len(mask_types) - 1} mask types are more than the 255 that a packed set can name")
    labels = {name: label for label, name in enumerate(identities)}
    entries = np.zeros(len(kept), ENTRY)
    sizes = [np.array(record["sizes"], dtype=np.uint64) for record in records]
    entries["size"] = np.concatenate(sizes)
    entries["offset"] = np.concatenate([np.cumsum(each) - each for each in sizes])
    entries["checksum"] = np.concatenate([np.array(record["checksums"], dtype=np.uint32) for record in records])
    entries["file"] = np.repeat(np.arange(len(records)), [len(each) for each in sizes])
    entries["label"] = [labels[item.identity] for item in kept]
    entries["masked"] = [item.masked for item in kept]
    entries["mask_type"] = [mask_types.index(item.mask_type) for item in kept]
    points, boxes = _geometry(kept, [moved for record in records for moved in record["moved"]])
    ends, names = name_columns([item.key for item in kept])
    files = [DataFile(data_name(group), int(each.sum())) for group, each in enumerate(sizes)]
    encoding = "raw" if side else "encoded"
    return FaceIndex(files, encoding, side, identities, mask_types, entries, ends, names, points, boxes)  # type: ignore[arg-type]


def _geometry(
    kept: Sequence[Item], moved: Sequence[list[list[float]] | None]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Landmarks and boxes of all, as in the source or as moved by resizing; sources have them for all or none."""
    points = [item.landmarks for item in kept if item.landmarks is not None]
    boxes = [item.box for item in kept if item.box is not None]
    landmarks = np.array(points).reshape(-1, 5, 2) if len(points) == len(kept) else None
    corners = np.array(boxes) if len(boxes) == len(kept) else None
    for row, places in enumerate(moved):
        if places is not None and landmarks is not None:
            landmarks[row] = places[:5]
        if places is not None and corners is not None:
            corners[row] = np.ravel(places[-2:])
    return landmarks, corners
