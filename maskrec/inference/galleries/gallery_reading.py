"""Reading who and what is in a gallery; everything is checked, because the file may be a stranger's."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskrec.inference.galleries.embedding_reading import StoredBlock, read_embeddings
from maskrec.inference.galleries.enrolled import EnrolledFaces, EnrolledPerson, PhotoHashes
from maskrec.inference.galleries.gallery_errors import DamagedGalleryError
from maskrec.inference.galleries.person_names import LONGEST_NAME
from maskrec.inference.galleries.row_blocks import (
    ROW,
    decode_photo_names,
    decode_rows,
    rows_of_blocks,
)


def read_people(connection: sqlite3.Connection, name: str | None = None) -> list[EnrolledPerson]:
    """Who is enrolled, in the order in which they were added: all, or the one of that name.

    Raises:
        DamagedGalleryError: that cannot be read.
    """
    numbers, names = people_of(connection, name)
    some = (rows for _, rows in rows_of_blocks(connection))
    if name is not None:
        some = (rows[np.isin(rows["person"], numbers)] for rows in some)
    rows = np.concatenate([np.empty(0, ROW), *some])
    places = places_of_people(rows["person"], numbers)
    kept = dict(connection.execute("SELECT person, count(*) FROM photos GROUP BY person"))
    count = len(names)
    masked, bare, unknown = (np.bincount(places[rows["masked"] == state], minlength=count) for state in (1, 0, -1))
    first, last = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    np.minimum.at(first, places, rows["added"])
    np.maximum.at(last, places, rows["added"])
    faces = masked + bare + unknown
    if not faces.all():
        raise DamagedGalleryError("somebody in it has no face")
    return [
        EnrolledPerson(
            names[i],
            int(faces[i]),
            int(masked[i]),
            int(bare[i]),
            int(unknown[i]),
            (_utc(first[i]), _utc(last[i])),
            kept.get(int(numbers[i]), 0),
        )
        for i in range(count)
    ]


def read_faces(readers: Sequence[sqlite3.Connection], width: int) -> EnrolledFaces:
    """All faces; the embeddings are read into one array, which is all the memory that it takes.

    Args:
        readers: connections that see one moment; each reads embeddings in a thread of its own.
        width: d.

    Raises:
        DamagedGalleryError: something in it cannot be read.
    """
    connection = readers[0]
    numbers, names = people_of(connection)
    total = require_lengths(connection, width)
    rows, embeddings = np.empty(total, ROW), np.empty((total, width), np.float32)
    photo_names: list[str] = []
    blocks: list[StoredBlock] = []
    for place, faces, stored, stored_names in connection.execute(
        "SELECT id, faces, rows, photo_names FROM blocks ORDER BY id"
    ):
        block = slice(len(photo_names), len(photo_names) + faces)
        rows[block] = decode_rows(stored, faces)
        photo_names += decode_photo_names(stored_names, faces)
        blocks.append(StoredBlock(place, embeddings[block]))
    read_embeddings(readers, blocks)
    require_distinct(rows["face"])
    return EnrolledFaces(
        ids=rows["face"].astype(np.int64),
        people=places_of_people(rows["person"], numbers),
        names=tuple(names),
        embeddings=embeddings,
        masked=rows["masked"].copy(),
        quality=rows["quality"].astype(np.float32),
        photo_names=tuple(photo_names),
        photo_sha256=PhotoHashes(rows["photo"].copy()),
    )


def read_photo_numbers(connection: sqlite3.Connection, name: str | None) -> list[int]:
    """The faces whose photos are kept: all, or those of one person."""
    query = (
        "SELECT face FROM photos WHERE ?1 IS NULL OR person IN (SELECT id FROM people WHERE name = ?1) ORDER BY face"
    )
    return [face for (face,) in connection.execute(query, (name,))]


def read_photo(connection: sqlite3.Connection, face: int) -> tuple[str, str, bytes] | None:
    """Whose photo it is, its name, and its bytes; None where it is not kept any more.

    Raises:
        DamagedGalleryError: it cannot be read.
    """
    query = "SELECT people.name, photos.name, photo FROM photos JOIN people ON people.id = person WHERE face = ?"
    found = connection.execute(query, (face,)).fetchone()
    if found is None:
        return None
    person, stored, photo = found
    if not isinstance(photo, bytes):
        raise DamagedGalleryError("a photo in it cannot be read")
    return _names([person])[0], decode_photo_names(stored, 1)[0], photo


def people_of(connection: sqlite3.Connection, name: str | None = None) -> tuple[NDArray[np.int64], list[str]]:
    """Their numbers, ascending, and their names: all, or the one of that name.

    Raises:
        DamagedGalleryError: a name that cannot be.
    """
    query = "SELECT id, name FROM people WHERE ?1 IS NULL OR name = ?1 ORDER BY id"
    found = connection.execute(query, (name,)).fetchall()
    return np.array([number for number, _ in found], np.int64), _names([each for _, each in found])


def _names(found: list[object]) -> list[str]:
    names = [name for name in found if isinstance(name, str)]
    lengths = set(map(len, names)) if len(names) == len(found) else {0}
    if lengths and not 1 <= min(lengths) <= max(lengths) <= LONGEST_NAME:
        raise DamagedGalleryError("the name of a person in it cannot be read")
    return names


def places_of_people(people: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each face's person is among ``numbers``.

    Raises:
        DamagedGalleryError: a face belongs to no person.
    """
    places = np.searchsorted(numbers, people)
    if len(people) and (not len(numbers) or (numbers[np.minimum(places, len(numbers) - 1)] != people).any()):
        raise DamagedGalleryError("a face in it belongs to no person")
    return places


def require_distinct(faces: NDArray[np.int64]) -> None:
    """Check that no two faces have one number.

    Raises:
        DamagedGalleryError: two have.
    """
    if (np.diff(np.sort(faces)) == 0).any():  # a third of the time of np.unique
        raise DamagedGalleryError("two of its faces have one number")


def require_lengths(connection: sqlite3.Connection, width: int) -> int:
    """How many faces; memory is asked for by it, so it must be what the file can hold.

    Raises:
        DamagedGalleryError: it is not.
    """
    query = "SELECT coalesce(sum(faces), 0), coalesce(sum(length(embeddings)), 0) FROM blocks"
    faces, size = connection.execute(query).fetchone()
    (pages,), (page,) = (connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size"))
    if type(faces) is not int or type(size) is not int or size != faces * width * 4 or not 0 <= size <= pages * page:
        raise DamagedGalleryError("the lengths of its blocks do not match the data")
    return faces


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
