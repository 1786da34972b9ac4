"""Removing people, photos and names so that nothing of them is left in a gallery's files.

``secure_delete`` fills what is deleted with zeros, but SQLite moves rows between the pages of its trees, and what a
page held before it was written anew can stay in its unused part. So nothing of a face is ever in a tree: a row of
``blocks`` and ``photos`` begins with a page of zeros (``padding``), which is as much as a tree keeps of it; the rest
is in pages of its own, and these are filled with zeros when they are freed. ``people`` is small: it is written anew
without what was removed, and all pages that it had are freed.

What was written before is also in the write-ahead log (``-wal``) until its content is in the file and it is cut to
nothing, which has to wait for whoever reads an earlier state. ``gallery.unwiped`` marks that until it is done.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.base.words import counted, did_you_mean, plain_name
from maskrec.inference.galleries.adding_faces import find_person
from maskrec.inference.galleries.gallery_errors import WAIT
from maskrec.inference.galleries.row_blocks import add_block, read_block, rows_of_blocks

_TRY = 0.25  # seconds
_LISTED, _LONGEST_LISTED = 10, 80  # photos that a sentence lists, and characters of each


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
    person = _enrolled(connection, path, name)
    faces = _delete_faces(connection, width, person, None)
    others = connection.execute("SELECT * FROM people WHERE id != ? ORDER BY id", (person,)).fetchall()
    _write_people(connection, others)
    return faces


def remove_photo(connection: sqlite3.Connection, path: Path, width: int, name: str, photo: str) -> int:
    """Delete a person's faces of one photo; the caller has begun a transaction.

    Args:
        connection: of the gallery.
        path: of the gallery, for messages.
        width: d.
        name: as it is kept.
        photo: the photo's name; of a path the last part counts.

    Returns:
        The number of faces: more than one where several photos have the name.

    Raises:
        UsageError: nobody of that name, no photo of that name, or they have no other.
        DamagedGalleryError: a block is damaged.
    """
    person, known = _enrolled(connection, path, name), []
    for place, rows in rows_of_blocks(connection):
        if len(own := np.flatnonzero(rows["person"] == person)):
            names = read_block(connection, place, width).photo_names
            known += [names[each] for each in own]
    chosen = photo if photo in known else PurePath(photo).name
    if chosen not in known:
        near = did_you_mean(escaped(chosen), map(escaped, known), "give one of them")
        raise UsageError(
            f"{escaped(photo)} is not among the {counted(len(known), 'photo')} of {name} in {path} "
            f"({_listed(known)}); {near}"
        )
    if set(known) == {chosen}:
        raise UsageError(f"{escaped(photo)} is the only photo of {name} in {path}; remove the person, or add one first")
    faces = _delete_faces(connection, width, person, chosen)
    _count_up(connection)
    return faces


def _listed(photos: Sequence[str]) -> str:
    """Names of photos as a sentence lists them: the first of many, each once and not too long."""
    names = list(dict.fromkeys(escaped(each) for each in photos))
    shown = [each if len(each) <= _LONGEST_LISTED else f"{each[:_LONGEST_LISTED]}..." for each in names[:_LISTED]]
    more = len(names) - len(shown)
    return f"{', '.join(shown)} and {more:,} more" if more else ", ".join(shown)


def rename_person(connection: sqlite3.Connection, path: Path, name: str, new: str) -> None:
    """Give a person another name, and delete the old one; the caller has begun a transaction.

    Args:
        connection: of the gallery.
        path: of the gallery, for messages.
        name: as it is kept.
        new: as it is to be kept; another spelling of ``name`` as well.

    Raises:
        UsageError: nobody of that name, the same name, or somebody else has the new one.
    """
    person = _enrolled(connection, path, name)
    if new == name:
        raise UsageError(f"the new name equals the old one, {name}; give another one")
    query = "SELECT name FROM people WHERE plain_name = ? AND id != ?"
    if (other := connection.execute(query, (plain_name(new), person)).fetchone()) is not None:
        raise UsageError(f"{escaped(str(other[0]))} is enrolled in {path} already; choose another name")
    people = connection.execute("SELECT id, name, plain_name FROM people ORDER BY id").fetchall()
    _write_people(connection, [(person, new, plain_name(new)) if one[0] == person else one for one in people])


def _enrolled(connection: sqlite3.Connection, path: Path, name: str) -> int:
    person = find_person(connection, path, name)
    if person is None:
        known = [str(each) for (each,) in connection.execute("SELECT name FROM people")]
        near = did_you_mean(name, known, "see maskrec gallery list")
        raise UsageError(f"{name} is not among the {counted(len(known), 'person')} of {path}; {near}")
    return person


def _delete_faces(connection: sqlite3.Connection, width: int, person: int, photo: str | None) -> int:
    """Delete a person's faces and kept photos, of one photo or of all; how many faces."""
    deleted: list[int] = []
    for place, rows in list(rows_of_blocks(connection)):
        if not (leaving := rows["person"] == person).any():
            continue
        block = read_block(connection, place, width)
        if photo is not None:
            leaving = leaving & np.array([each == photo for each in block.photo_names])
        deleted += rows["face"][leaving].tolist()
        if leaving.any():
            connection.execute("DELETE FROM blocks WHERE id = ?", (place,))
            if len(kept := np.flatnonzero(~leaving)):
                add_block(connection, block.part(kept), place)
    connection.executemany("DELETE FROM photos WHERE face = ?", [(face,) for face in deleted])
    return len(deleted)


def _write_people(connection: sqlite3.Connection, people: Sequence[tuple[object, ...]]) -> None:
    """Write all people anew."""
    connection.execute("DELETE FROM people")
    connection.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
    _count_up(connection)


def _count_up(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE gallery SET revision = revision + 1, unwiped = revision + 1")


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
