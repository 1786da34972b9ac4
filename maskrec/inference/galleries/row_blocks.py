"""Faces in blocks: a million of them are read in seconds, and one more face is a block of its own, and small.

A block is one row of the table ``blocks``: the numbers of its faces (``ROW``), their photos' names as JSON, and their
embeddings. Where ``_FAN`` blocks of about one size are there they become one, in the transaction that adds the last:
a face is copied twice at most, and 256 blocks of one face are one of 256.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.base.files import compact_json
from maskrec.inference.galleries.gallery_errors import DamagedGalleryError
from maskrec.inference.galleries.gallery_schema import PAGE

LARGEST_BLOCK = 2048
"""Faces; 4 MiB of embeddings of 512 numbers."""

LONGEST_PHOTO_NAME = 4096
"""Characters."""

ROW = np.dtype(
    [
        ("face", "<i8"),
        ("person", "<i8"),
        ("added", "<i8"),  # seconds since 1970, UTC
        ("masked", "i1"),
        ("quality", "<f4", (3,)),
        ("photo", "u1", (32,)),  # SHA-256; zeros where not known
    ]
)

_FAN = 16
_OFF_UNIT = 1e-3
_LAST_SECOND = 253402300799  # of the year 9999


class RowBlock(NamedTuple):
    """Faces of a block.

    Args:
        rows: ``(n,)`` of ``ROW``.
        photo_names: n.
        embeddings: float32 ``(n, d)``.
    """

    rows: NDArray[np.void]
    photo_names: list[str]
    embeddings: NDArray[np.float32]

    @classmethod
    def empty(cls, width: int) -> RowBlock:
        """Without faces."""
        return cls(np.empty(0, ROW), [], np.empty((0, width), np.float32))

    def part(self, places: NDArray[np.intp]) -> RowBlock:
        """The faces at these places."""
        return RowBlock(self.rows[places], [self.photo_names[place] for place in places], self.embeddings[places])


def decode_rows(stored: object, faces: object) -> NDArray[np.void]:
    """The numbers of a block's faces.

    Raises:
        DamagedGalleryError: not what ``add_block`` writes.
    """
    if type(faces) is not int or not 1 <= faces <= LARGEST_BLOCK:
        raise DamagedGalleryError("a block's number of faces is out of range")
    if not isinstance(stored, bytes) or len(stored) != faces * ROW.itemsize:
        raise DamagedGalleryError("a block's rows have another length")
    rows = np.frombuffer(stored, ROW)
    fine = (rows["face"] > 0) & np.isin(rows["masked"], (-1, 0, 1)) & ~np.isinf(rows["quality"]).any(axis=1)
    if not (fine & (rows["added"] >= 0) & (rows["added"] <= _LAST_SECOND)).all():
        raise DamagedGalleryError("a block's rows have values out of range")
    return rows


def decode_photo_names(stored: object, faces: int) -> list[str]:
    """The names of a block's photos.

    Raises:
        DamagedGalleryError: not what ``add_block`` writes.
    """
    try:
        names = json.loads(stored) if isinstance(stored, bytes) else None
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or len(names) != faces or set(map(type, names)) != {str}:
        raise DamagedGalleryError("a block's photo names cannot be read")
    if max(map(len, names)) > LONGEST_PHOTO_NAME:
        raise DamagedGalleryError(f"a photo's name has more than {LONGEST_PHOTO_NAME} characters")
    return names


def decode_embeddings(stored: object, faces: int, width: int) -> NDArray[np.float32]:
    """Embeddings ``(faces, width)``.

    Raises:
        DamagedGalleryError: another length, values that are not finite, rows that are not of unit length.
    """
    if not isinstance(stored, bytes) or len(stored) != faces * width * 4:
        raise DamagedGalleryError("a block's embeddings have another length")
    found = np.frombuffer(stored, "<f4").reshape(faces, width)
    if not are_unit(found):
        raise DamagedGalleryError("an embedding is not finite or not of unit length")
    return found


def are_unit(rows: NDArray[np.float32]) -> bool:
    """Whether every row of ``(n, d)`` is finite and of unit length, to a thousandth."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
        return bool((np.abs(squares - 1) <= 2 * _OFF_UNIT).all())  # False for what is not a number


def add_block(connection: sqlite3.Connection, block: RowBlock, place: int | None = None) -> None:
    """Write a block; by default after all others."""
    names, embeddings = compact_json(block.photo_names), block.embeddings.astype("<f4").tobytes()
    connection.execute(
        "INSERT INTO blocks VALUES (?, ?, zeroblob(?), ?, ?, ?)",
        (place, len(block.rows), PAGE, block.rows.tobytes(), names, embeddings),
    )


def add_blocks(connection: sqlite3.Connection, block: RowBlock) -> None:
    """Write faces in blocks that are not too large."""
    for start in range(0, len(block.rows), LARGEST_BLOCK):
        add_block(connection, block.part(np.arange(start, min(len(block.rows), start + LARGEST_BLOCK))))


def read_block(connection: sqlite3.Connection, place: int, width: int) -> RowBlock:
    """A block that is there.

    Raises:
        DamagedGalleryError: it is damaged.
    """
    query = "SELECT faces, rows, photo_names, embeddings FROM blocks WHERE id = ?"
    faces, stored, names, embeddings = connection.execute(query, (place,)).fetchone()
    rows = decode_rows(stored, faces)
    return RowBlock(rows, decode_photo_names(names, len(rows)), decode_embeddings(embeddings, len(rows), width))


def rows_of_blocks(connection: sqlite3.Connection) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Each block's place and the numbers of its faces; embeddings are not read.

    Raises:
        DamagedGalleryError: a block is damaged.
    """
    for place, faces, stored in connection.execute("SELECT id, faces, rows FROM blocks ORDER BY id"):
        yield place, decode_rows(stored, faces)


def merge_small_blocks(connection: sqlite3.Connection, width: int) -> None:
    """Make one block of many small ones of about one size; the caller has begun a transaction.

    Raises:
        DamagedGalleryError: a block is damaged.
    """
    while places := _mergeable(connection):
        merged = joined([read_block(connection, place, width) for place in places])
        connection.executemany("DELETE FROM blocks WHERE id = ?", [(place,) for place in places])
        add_block(connection, merged)


def _mergeable(connection: sqlite3.Connection) -> list[int]:
    """Places of ``_FAN`` blocks that are to become one."""
    by_size: dict[int, list[int]] = {}
    query = "SELECT id, faces FROM blocks WHERE faces <= ? ORDER BY id"
    for place, faces in connection.execute(query, (LARGEST_BLOCK // _FAN,)):
        size = 0 if faces <= 1 else 1 if faces <= _FAN else 2
        by_size.setdefault(size, []).append(place)
    return next((places[:_FAN] for places in by_size.values() if len(places) >= _FAN), [])


def joined(blocks: Sequence[RowBlock]) -> RowBlock:
    """Several blocks as one."""
    names = [name for block in blocks for name in block.photo_names]
    rows = np.concatenate([block.rows for block in blocks])
    return RowBlock(rows, names, np.concatenate([block.embeddings for block in blocks]))
