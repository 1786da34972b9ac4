"""The start of a ``.rec`` record, and the first labels of millions of records at once."""

from __future__ import annotations

import struct
from pathlib import Path

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
    with open_regular(path) as stream:
        data = np.memmap(stream, np.uint8, "r")
    labels, plain = np.zeros(len(offsets)), np.zeros(len(offsets), np.bool_)
    reach = np.arange(_START.itemsize)
    for start in range(0, len(offsets), _CHUNK):
        places = np.flatnonzero(offsets[start : start + _CHUNK] <= len(data) - _START.itemsize) + start
        rows = data[offsets[places][:, None] + reach].view(_START)[:, 0]
        # In an undivided record the upper 3 bits are 0, so the word is its length.
        whole = (rows["magic"] == MAGIC) & (rows["word"] < 1 << 29)
        whole &= rows["word"] >= HEADER.size + 4 * np.minimum(rows["flag"], 1 << 29).astype(np.int64)
        whole &= offsets[places] + PART.size + rows["word"] <= len(data)
        labels[places] = np.where(rows["flag"] == 0, rows["label"], rows["more"])
        plain[places] = whole
    return labels, plain
