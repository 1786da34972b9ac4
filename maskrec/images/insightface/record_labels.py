"""The start of a ``.rec`` record, read of millions of records at once."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.regular_files import open_regular

MAGIC = 0xCED7230A
PART = struct.Struct("<II")  # the magic word; the upper 3 bits give the part of a record, the lower 29 its length
HEADER = struct.Struct("<IfQQ")  # MXNet's IRHeader: flag, label, id, id2

_CHUNK = 1 << 16
_START = np.dtype(
    [("magic", "<u4"), ("word", "<u4"), ("flag", "<u4"), ("label", "<f4"), ("ids", "<u8", 2), ("more", "<f4")]
)


def first_labels(path: Path, offsets: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The first label of each record, and whether it could be read from its first bytes alone.

    Args:
        path: of the ``.rec``.
        offsets: int64 ``(n,)``, each inside the file.

    Returns:
        float64 ``(n,)`` and bool ``(n,)``; False for records in parts, at the file's end, or damaged.
    """
    labels, plain = np.zeros(len(offsets)), np.zeros(len(offsets), np.bool_)
    for places, rows, whole in _starts(path, offsets):
        labels[places] = np.where(rows["flag"] == 0, rows["label"], rows["more"])
        plain[places] = whole
    return labels, plain


def without_image(path: Path, offsets: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each record holds several labels and nothing else, and whether its first bytes alone say so.

    Args:
        path: of the ``.rec``.
        offsets: int64 ``(n,)``, each inside the file.

    Returns:
        Two bool ``(n,)``; the second is False as in ``first_labels``.
    """
    bare, plain = np.zeros(len(offsets), np.bool_), np.zeros(len(offsets), np.bool_)
    for places, rows, whole in _starts(path, offsets):
        bare[places] = (rows["flag"] > 0) & (rows["word"] == HEADER.size + 4 * rows["flag"].astype(np.int64))
        plain[places] = whole
    return bare & plain, plain


def lacks_images(keys: NDArray[np.int64], images: NDArray[np.bool_], announced: int) -> bool:
    """Whether an index lacks images that record 0 announces.

    Record 0 is a float32 and may be wrong, so the records are believed where the index shows no gap: images from key 1
    on without a hole, and after them either nothing that is announced, or records of people.

    Args:
        keys: int64 ``(n,)``, sorted, from 0.
        images: bool ``(n,)``, whether the record of each key holds an image.
        announced: the key after the last image, as record 0 says.
    """
    there = keys[images]
    if announced > keys[-1] + 1 or not np.array_equal(there, np.arange(1, len(there) + 1)):
        return True
    return len(there) != announced - 1 and not (keys == len(there) + 1).any()


def _starts(
    path: Path, offsets: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]]:
    """Part by part: places in ``offsets``, the starts of their records, and whether each is an undivided record."""
    with open_regular(path) as stream:
        data = np.memmap(stream, np.uint8, "r")
    reach = np.arange(_START.itemsize)
    for start in range(0, len(offsets), _CHUNK):
        places = np.flatnonzero(offsets[start : start + _CHUNK] <= len(data) - _START.itemsize) + start
        rows = data[offsets[places][:, None] + reach].view(_START)[:, 0]
        # In an undivided record the upper 3 bits are 0, so the word is its length.
        whole = (rows["magic"] == MAGIC) & (rows["word"] < 1 << 29)
        whole &= rows["word"] >= HEADER.size + 4 * np.minimum(rows["flag"], 1 << 29).astype(np.int64)
        whole &= offsets[places] + PART.size + rows["word"] <= len(data)
        yield places, rows, whole
