"""Enrolling people: what is given is checked before anything of it is written."""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.files import compact_json
from maskrec.base.words import byte_size, plain_name
from maskrec.inference.galleries.enrolled import NewFace
from maskrec.inference.galleries.gallery_schema import PAGE
from maskrec.inference.galleries.person_names import checked_name
from maskrec.inference.galleries.row_blocks import (
    LARGEST_BLOCK,
    LONGEST_PHOTO_NAME,
    ROW,
    RowBlock,
    add_blocks,
    are_unit,
    joined,
    merge_small_blocks,
    rows_of_blocks,
)

_LARGEST_KEPT = 512 << 20


def add_people(
    connection: sqlite3.Connection, path: Path, width: int, people: Iterable[tuple[str, Sequence[NewFace]]]
) -> None:
    """Write people's faces; the caller has begun a transaction.

    Args:
        connection: of the gallery.
        path: of the gallery, for messages.
        width: d.
        people: names with faces.

    Raises:
        UsageError: a name that cannot be kept or is there in another spelling, a photo twice, or too large.
        ValueError: a face that is not one of ``width``.
    """
    (face,) = connection.execute("SELECT next_face FROM gallery").fetchone()
    waiting: list[RowBlock] = []
    written = face
    for name, faces in people:
        kept = checked_name(name)
        if not faces:
            raise ValueError(f"{kept}: expected a face at least")
        for each in faces:
            _require_face(each, kept, width)
        person = find_person(connection, path, kept)
        _require_other_photos(connection, kept, person, faces)
        if person is None:
            query = "INSERT INTO people (name, plain_name) VALUES (?, ?)"
            person = int(connection.execute(query, (kept, plain_name(kept))).lastrowid or 0)
        waiting.append(_block(faces, person, face))
        _keep_photos(connection, faces, person, face)
        face += len(faces)
        if face - written >= LARGEST_BLOCK:
            add_blocks(connection, joined(waiting))
            waiting, written = [], face
    if waiting:
        add_blocks(connection, joined(waiting))
    merge_small_blocks(connection, width)
    connection.execute("UPDATE gallery SET next_face = ?, revision = revision + 1", (face,))


def find_person(connection: sqlite3.Connection, path: Path, name: str) -> int | None:
    """The number of a person; None for one that is new.

    Raises:
        UsageError: they are there in another spelling.
    """
    query = "SELECT id, name FROM people WHERE plain_name = ?"
    found = connection.execute(query, (plain_name(name),)).fetchone()
    if found is not None and found[1] != name:
        raise UsageError(f"{name} is in {path} in another spelling, {found[1]}; use that, or another name")
    return None if found is None else int(found[0])


def _require_face(face: NewFace, name: str, width: int) -> None:
    row = face.embedding
    if row.shape != (width,) or row.dtype != np.float32 or not are_unit(row[None]):
        raise ValueError(f"a face of {name}: expected an embedding of float32 ({width},) and unit length")
    if any(value is not None and math.isinf(value) for value in face.quality):
        raise ValueError(f"a face of {name}: its quality is not finite")
    if not re.fullmatch("([0-9a-f]{64})?", face.photo_sha256):
        raise ValueError(f"a face of {name}: its photo's SHA-256 is not 64 hexadecimal digits")
    if len(face.photo_name) > LONGEST_PHOTO_NAME:
        raise UsageError(f"the photo's name {face.photo_name[:40]}... is too long; give it a shorter one")
    if face.photo is not None and len(face.photo) > _LARGEST_KEPT:
        raise UsageError(
            f"{face.photo_name} has {byte_size(len(face.photo))}, and photos of at most {byte_size(_LARGEST_KEPT)} "
            "are kept; make it smaller"
        )


def _require_other_photos(
    connection: sqlite3.Connection, name: str, person: int | None, faces: Sequence[NewFace]
) -> None:
    """Refuse a photo that the person has already, or has twice among the new ones."""
    seen: set[str] = set()
    if person is not None and any(face.photo_sha256 for face in faces):
        for _, rows in rows_of_blocks(connection):
            seen.update(bytes(one).hex() for one in rows["photo"][rows["person"] == person])
    for face in faces:
        if face.photo_sha256 and face.photo_sha256 in seen:
            raise UsageError(f"{face.photo_name} is a photo that {name} has already; leave it out")
        seen.add(face.photo_sha256)


def _block(faces: Sequence[NewFace], person: int, first: int) -> RowBlock:
    rows: NDArray[np.void] = np.zeros(len(faces), ROW)
    rows["face"], rows["person"], rows["added"] = np.arange(first, first + len(faces)), person, int(time.time())
    rows["masked"] = [-1 if face.masked is None else int(face.masked) for face in faces]
    rows["quality"] = [[math.nan if value is None else value for value in face.quality] for face in faces]
    hashes = b"".join(bytes.fromhex(face.photo_sha256 or "00" * 32) for face in faces)
    rows["photo"] = np.frombuffer(hashes, np.uint8).reshape(-1, 32)
    return RowBlock(rows, [face.photo_name for face in faces], np.stack([face.embedding for face in faces]))


def _keep_photos(connection: sqlite3.Connection, faces: Sequence[NewFace], person: int, first: int) -> None:
    for number, face in enumerate(faces, first):
        if face.photo is not None:
            row = (number, person, PAGE, compact_json([face.photo_name]), face.photo)
            connection.execute("INSERT INTO photos VALUES (?, ?, zeroblob(?), ?, ?)", row)
