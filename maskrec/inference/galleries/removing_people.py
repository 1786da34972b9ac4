"""Removing a person so that nothing of them is left in a gallery's files."""

from __future__ import annotations

import sqlite3
import time

import numpy as np

from maskrec.inference.galleries.gallery_connection import WAIT
from maskrec.inference.galleries.row_blocks import RowBlock, add_block, read_block, rows_of_blocks

_TRY = 0.25  # seconds


def remove_rows(connection: sqlite3.Connection, person: int, width: int) -> int:
    """Delete a person with faces and photos; the caller has begun a transaction. Returns the number of faces.

    Raises:
        DamagedGalleryError: a block is damaged.
    """
    with_person = [(place, rows) for place, rows in rows_of_blocks(connection) if (rows["person"] == person).any()]
    for place, rows in with_person:
        block, kept = read_block(connection, place, width), np.flatnonzero(rows["person"] != person)
        connection.execute("DELETE FROM blocks WHERE id = ?", (place,))
        if len(kept):
            names = [block.photo_names[row] for row in kept]
            add_block(connection, RowBlock(block.rows[kept], names, block.embeddings[kept]), place)
    connection.execute("DELETE FROM photos WHERE person = ?", (person,))
    others = connection.execute("SELECT * FROM people WHERE id != ? ORDER BY id", (person,)).fetchall()
    connection.execute("DELETE FROM people")
    connection.executemany("INSERT INTO people VALUES (?, ?, ?)", others)
    return sum(int((rows["person"] == person).sum()) for _, rows in with_person)


def wipe(connection: sqlite3.Connection, wait: float = WAIT) -> bool:
    """Empty the write-ahead log into the file, and note that; False where readers keep it for longer than ``wait``."""
    ends = time.monotonic() + wait
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * _TRY)}")
    try:
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > ends:
                return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * WAIT)}")
    connection.execute("UPDATE gallery SET unwiped = 0")
    return True
