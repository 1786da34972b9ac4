"""Removing people so that nothing of them is left in a gallery's files.

``secure_delete`` fills what is deleted with zeros, but SQLite moves rows between the pages of its trees, and what a
page held before it was written anew can stay in its unused part. So nothing of a face is ever in a tree: a row of
``blocks`` and ``photos`` begins with a page of zeros (``padding``), which is as much as a tree keeps of it; the rest
is in pages of its own, and these are filled with zeros when they are freed. ``people`` is small: it is written anew
without the removed person, and all pages that it had are freed.

What was written before is also in the write-ahead log (``-wal``) until its content is in the file and it is cut to
nothing, which has to wait for whoever reads an earlier state. ``gallery.unwiped`` marks that until it is done.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.base.words import counted, did_you_mean
from maskrec.inference.galleries.adding_faces import find_person
from maskrec.inference.galleries.gallery_errors import WAIT
from maskrec.inference.galleries.row_blocks import add_block, read_block, rows_of_blocks

_TRY = 0.25  # seconds


def remove_person(connection: sqlite3.Connection, path: Path, width: int, name: str) -> int:
    """Delete a person with faces and photos; the caller has begun a transaction.

    Args:
        connection: of the gallery.
        path: of the gallery, for messages.
        width: d.
        name: as it is kept.

    Returns:
        The number of faces.

    Raises:
        UsageError: nobody of that name.
        DamagedGalleryError: a block is damaged.
    """
    person = find_person(connection, path, name)
    if person is None:
        known = [str(each) for (each,) in connection.execute("SELECT name FROM people")]
        near = did_you_mean(name, known, "see maskrec gallery list")
        raise UsageError(f"{name} is not among the {counted(len(known), 'person')} of {path}; {near}")
    with_person = [(place, rows) for place, rows in rows_of_blocks(connection) if (rows["person"] == person).any()]
    for place, rows in with_person:
        block, kept = read_block(connection, place, width), np.flatnonzero(rows["person"] != person)
        connection.execute("DELETE FROM blocks WHERE id = ?", (place,))
        if len(kept):
            add_block(connection, block.part(kept), place)
    connection.execute("DELETE FROM photos WHERE person = ?", (person,))
    others = connection.execute("SELECT * FROM people WHERE id != ? ORDER BY id", (person,)).fetchall()
    connection.execute("DELETE FROM people")
    connection.executemany("INSERT INTO people VALUES (?, ?, ?)", others)
    connection.execute("UPDATE gallery SET revision = revision + 1, unwiped = revision + 1")
    return sum(int((rows["person"] == person).sum()) for _, rows in with_person)


def wipe(connection: sqlite3.Connection, wait: float) -> bool:
    """Put the log's content into the file, cut the log to nothing and take the mark off.

    Args:
        connection: of the gallery, outside a transaction.
        wait: seconds that others are waited for.

    Returns:
        Whether it could be done: False while somebody reads an earlier state.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    (marked,) = connection.execute("SELECT unwiped FROM gallery").fetchone()
    ends = time.monotonic() + wait
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * min(_TRY, wait))}")
    try:
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() >= ends:
                return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * WAIT)}")
    # Another process may have removed somebody else since: that mark is for it.
    connection.execute("UPDATE gallery SET unwiped = 0 WHERE unwiped = ?", (marked,))
    return True
