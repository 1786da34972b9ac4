"""Faces in blocks of some thousand rows: a million of them are read in seconds, and one more is a small block.

A block is one row of the table ``blocks``: the numbers of its faces (``ROW``), their photos' names as JSON, and their
embeddings. New faces make a block of their own; when ``_FAN`` blocks of about one size are there they become one, so
that a face is copied three times at most until its block is full.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.base.files import compact_json
from maskrec.inference.galleries.gallery_schema import DamagedGalleryError

LARGEST_BLOCK = 4096
"""Faces."""

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

LONGEST_PHOTO_NAME = 4096
PADDING = 4096  # the page size: what of a row is in the tree is less than a page
_FAN = 16
_OFF_UNIT = 1e-3


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


def decode_rows(stored: object, faces: object) -> NDArray[np.void]:
    """The numbers of a block's faces.

    Raises:
        DamagedGalleryError: not what ``add_block`` writes.
    """
    if type(faces) is not int or not 1 <= faces <= LARGEST_BLOCK:
        raise DamagedGalleryError("a block has no number of faces that can be")
    if not isinstance(stored, bytes) or len(stored) != faces * ROW.itemsize:
        raise DamagedGalleryError("a block's rows have another length")
    rows = np.frombuffer(stored, ROW)
    quality, known = rows["quality"], np.isin(rows["masked"], (-1, 0, 1))
    if not known.all() or np.isinf(quality).any() or (rows["face"] < 1).any():
        raise DamagedGalleryError("a block's rows have values that cannot be")
    if (rows["added"] < 0).any() or (rows["added"] > _LAST_SECOND).any():
        raise DamagedGalleryError("a block's rows have times that cannot be")
    return rows


_LAST_SECOND = 253402300799  # of the year 9999


def decode_photo_names(stored: object, faces: int) -> list[str]:
    """The names of a block's photos.

    Raises:
        DamagedGalleryError: not what ``add_block`` writes.
    """
    if not isinstance(stored, bytes):
        raise DamagedGalleryError("a block has no names of photos")
    try:
        names = json.loads(stored)
    except (ValueError, RecursionError) as error:
        raise DamagedGalleryError("a block's names of photos cannot be read") from error
    if not isinstance(names, list) or len(names) != faces or not all(type(name) is str for name in names):
        raise DamagedGalleryError("a block's names of photos are not one a face")
    if any(len(name) > LONGEST_PHOTO_NAME for name in names):
        raise DamagedGalleryError("a photo's name is too long")
    return names


def decode_embeddings(stored: object, faces: int, width: int) -> NDArray[np.float32]:
    """Embeddings ``(faces, width)``.

    Raises:
        DamagedGalleryError: another length, values that are not finite, rows that are not of unit length.
    """
    if not isinstance(stored, bytes) or len(stored) != faces * width * 4:
        raise DamagedGalleryError("a block's embeddings have another length")
    found = np.frombuffer(stored, "<f4").reshape(faces, width)
    require_unit(found)
    return found


def require_unit(rows: NDArray[np.float32]) -> None:
    """Raise DamagedGalleryError unless every row of ``(n, d)`` is finite and of unit length."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
        fine = np.abs(squares - 1) <= 2 * _OFF_UNIT
    if not fine.all():  # also where one is not a number
        raise DamagedGalleryError("an embedding is not finite or not of unit length")


def add_block(connection: sqlite3.Connection, block: RowBlock, place: int | None = None) -> None:
    """Write a block; by default after all others."""
    names, embeddings = compact_json(block.photo_names), block.embeddings.astype("<f4").tobytes()
    connection.execute(
        "INSERT INTO blocks VALUES (?, ?, zeroblob(?), ?, ?, ?)",
        (place, len(block.rows), PADDING, block.rows.tobytes(), names, embeddings),
    )


def read_block(connection: sqlite3.Connection, place: int, width: int) -> RowBlock:
    """A block that is there.

    Raises:
        DamagedGalleryError: it is damaged.
    """
    faces, rows, names, embeddings = connection.execute(
        "SELECT faces, rows, photo_names, embeddings FROM blocks WHERE id = ?", (place,)
    ).fetchone()
    found = decode_rows(rows, faces)
    return RowBlock(found, decode_photo_names(names, len(found)), decode_embeddings(embeddings, len(found), width))


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
    small = "SELECT id, faces FROM blocks WHERE faces <= ? ORDER BY id"
    for place, faces in connection.execute(small, (LARGEST_BLOCK // _FAN,)):
        size = next(power for power in range(16) if faces <= _FAN**power)
        by_size.setdefault(size, []).append(place)
    return next((places[:_FAN] for places in by_size.values() if len(places) >= _FAN), [])


def joined(blocks: Sequence[RowBlock]) -> RowBlock:
    """Several blocks as one."""
    names = [name for block in blocks for name in block.photo_names]
    rows = np.concatenate([block.rows for block in blocks])
    return RowBlock(rows, names, np.concatenate([block.embeddings for block in blocks]))
