"""A gallery's file: one SQLite database, in which every confirmed change survives a kill and a power cut.

It is a file of mode 600, because embeddings are biometric data; so are the two that SQLite puts beside it while it is
in use (``-wal``, ``-shm``). Two processes may use one gallery: who wants to write waits up to ten seconds.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.base.files import compact_json
from maskrec.base.words import counted, did_you_mean, plain_name
from maskrec.inference.galleries.enrolled import (
    EnrolledFaces,
    EnrolledPerson,
    GalleryModel,
    NewFace,
    Removed,
)
from maskrec.inference.galleries.gallery_connection import connect, explained, open_connection, transaction
from maskrec.inference.galleries.gallery_schema import create_schema
from maskrec.inference.galleries.person_names import checked_name
from maskrec.inference.galleries.removing_people import remove_rows, wipe
from maskrec.inference.galleries.row_blocks import (
    LARGEST_BLOCK,
    PADDING,
    ROW,
    RowBlock,
    add_block,
    decode_embeddings,
    decode_photo_names,
    decode_rows,
    merge_small_blocks,
    require_unit,
    rows_of_blocks,
)


class GalleryFile:
    """A gallery that is open; a context manager. Made by ``open`` and ``create``.

    Attributes:
        path: the file.
        model: which model its rows are of.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection
        with explained(path):
            found = connection.execute("SELECT fingerprint, width, words FROM gallery").fetchone()
        self.model = GalleryModel(*found)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> GalleryFile:
        """Open a gallery that exists.

        Args:
            path: the file.
            write: whether it may be changed.

        Raises:
            UsageError: it does not exist, is not a gallery, is damaged, or may not be read or written.
            MaskrecError: another process holds it.
        """
        return cls(path, open_connection(path, write=write))

    @classmethod
    def create(cls, path: Path, model: GalleryModel) -> GalleryFile:
        """Make an empty gallery.

        Raises:
            UsageError: the file exists, or its folder does not.
            MaskrecError: it cannot be written.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            raise UsageError(f"{path} exists; name a new file") from error
        with explained(path):
            connection = connect(path, "mode=rw")
            with transaction(connection, "EXCLUSIVE"):
                create_schema(connection, model)
            connection.close()
        return cls.open(path, write=True)

    def __enter__(self) -> GalleryFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; nothing can be asked of it afterwards."""
        self._connection.close()

    @property
    def revision(self) -> int:
        """A number that grows with every change, whichever process makes it."""
        with explained(self.path):
            return int(self._connection.execute("SELECT revision FROM gallery").fetchone()[0])

    def require_model(self, model: GalleryModel) -> None:
        """Raise UsageError unless the rows are of this model."""
        if (model.fingerprint, model.width) != (self.model.fingerprint, self.model.width):
            raise UsageError(
                f"{self.path} is a gallery of another model ({self.model.words}), not of {model.words}; name that "
                "model, or make the gallery again with maskrec gallery rebuild"
            )

    def people(self) -> list[EnrolledPerson]:
        """Who is enrolled, in the order in which they were added.

        Raises:
            UsageError: the file is damaged.
        """
        with explained(self.path), transaction(self._connection, "DEFERRED"):
            people = self._connection.execute("SELECT id, name FROM people ORDER BY id").fetchall()
            blocks = [rows for _, rows in rows_of_blocks(self._connection)]
            kept = dict(self._connection.execute("SELECT person, count(*) FROM photos GROUP BY person"))
        rows = np.concatenate([np.empty(0, ROW), *blocks])
        found = []
        for person, name in people:
            own = rows[rows["person"] == person]
            masked, bare = int((own["masked"] == 1).sum()), int((own["masked"] == 0).sum())
            added = _utc(own["added"].min()), _utc(own["added"].max())
            unknown = len(own) - masked - bare
            found.append(EnrolledPerson(name, len(own), masked, bare, unknown, added, kept.get(person, 0)))
        return found

    def faces(self) -> EnrolledFaces:
        """All faces.

        Raises:
            UsageError: the file is damaged.
        """
        width = self.model.width
        with explained(self.path), transaction(self._connection, "DEFERRED"):
            people = self._connection.execute("SELECT id, name FROM people ORDER BY id").fetchall()
            (total,) = self._connection.execute("SELECT coalesce(sum(faces), 0) FROM blocks").fetchone()
            embeddings = np.empty((total, width), np.float32)
            rows, photo_names, start = np.empty(total, ROW), [], 0
            query = "SELECT faces, rows, photo_names, embeddings FROM blocks ORDER BY id"
            for faces, stored, names, vectors in self._connection.execute(query):
                rows[start : start + faces] = decode_rows(stored, faces)
                photo_names += decode_photo_names(names, faces)
                embeddings[start : start + faces] = decode_embeddings(vectors, faces, width)
                start += faces
            known = np.array([person for person, _ in people], np.int64)
            places = np.searchsorted(known, rows["person"])
        hashes = rows["photo"].tobytes().hex()
        return EnrolledFaces(
            rows["face"].copy(),
            places,
            tuple(name for _, name in people),
            embeddings,
            rows["masked"].copy(),
            rows["quality"].copy(),
            tuple(photo_names),
            tuple("" if (one := hashes[i : i + 64]) == "0" * 64 else one for i in range(0, len(hashes), 64)),
        )

    def add(self, name: str, faces: Sequence[NewFace]) -> EnrolledPerson:
        """Enrol faces of a person, new or known; when it returns they are on the disk.

        Raises:
            UsageError: a name in another spelling.
            MaskrecError: the disk is full, or another process holds the file.
        """
        name = checked_name(name)
        embeddings = np.stack([face.embedding for face in faces])
        require_unit(embeddings)
        with explained(self.path), transaction(self._connection):
            person = self._person(name) or self._new_person(name)
            (first,) = self._connection.execute("SELECT next_face FROM gallery").fetchone()
            rows = _rows(faces, person, first)
            for start in range(0, len(rows), LARGEST_BLOCK):
                part = slice(start, start + LARGEST_BLOCK)
                names = [face.photo_name for face in faces[part]]
                add_block(self._connection, RowBlock(rows[part], names, embeddings[part]))
            photos = [
                (int(row["face"]), person, compact_json(face.photo_name), PADDING, face.photo)
                for row, face in zip(rows, faces, strict=True)
                if face.photo is not None
            ]
            self._connection.executemany("INSERT INTO photos VALUES (?, ?, ?, zeroblob(?), ?)", photos)
            self._connection.execute(
                "UPDATE gallery SET next_face = next_face + ?, revision = revision + 1", (len(rows),)
            )
            merge_small_blocks(self._connection, self.model.width)
        return next(each for each in self.people() if each.name == name)

    def remove(self, name: str) -> Removed:
        """Remove a person with all that is kept of them, and wipe it from the disk.

        Raises:
            UsageError: nobody of that name.
            MaskrecError: another process holds the file.
        """
        name = checked_name(name)
        with explained(self.path):
            with transaction(self._connection):
                person = self._person(name)
                if person is None:
                    known = [each for (each,) in self._connection.execute("SELECT name FROM people")]
                    near = did_you_mean(name, known, "see maskrec gallery list")
                    raise UsageError(f"{name} is not among the {counted(len(known), 'person')} of {self.path}; {near}")
                faces = remove_rows(self._connection, person, self.model.width)
                self._connection.execute("UPDATE gallery SET revision = revision + 1, unwiped = 1")
            wiped = wipe(self._connection)
        return Removed(name, faces, wiped, "" if wiped else "another process is reading the gallery")

    def kept_photos(self, name: str | None = None) -> Iterator[tuple[str, str, bytes]]:
        """The photos that are in the file: whose, their name, their bytes.

        Args:
            name: of one person; None for everybody.

        Raises:
            UsageError: the file is damaged.
        """
        with explained(self.path):
            query = (
                "SELECT people.name, photos.name, photo FROM photos JOIN people ON people.id = person"
                " WHERE ?1 IS NULL OR people.name = ?1 ORDER BY face"
            )
            for person, named, photo in self._connection.execute(query, (name,)):
                yield person, json.loads(named), photo

    def _person(self, name: str) -> int | None:
        """The number of a person.

        Raises:
            UsageError: they are there in another spelling.
        """
        query = "SELECT id, name FROM people WHERE plain_name = ?"
        found = self._connection.execute(query, (plain_name(name),)).fetchone()
        if found is not None and found[1] != name:
            raise UsageError(f"{name} is in {self.path} as {found[1]}; use that spelling, or another name")
        return None if found is None else int(found[0])

    def _new_person(self, name: str) -> int:
        query = "INSERT INTO people (name, plain_name) VALUES (?, ?)"
        return int(self._connection.execute(query, (name, plain_name(name))).lastrowid or 0)


def _rows(faces: Sequence[NewFace], person: int, first: int) -> np.ndarray:
    rows = np.zeros(len(faces), ROW)
    rows["face"], rows["person"], rows["added"] = np.arange(first, first + len(faces)), person, int(time.time())
    for row, face in zip(rows, faces, strict=True):
        row["masked"] = -1 if face.masked is None else face.masked
        row["quality"] = [np.nan if value is None else value for value in face.quality]
        row["photo"] = np.frombuffer(bytes.fromhex(face.photo_sha256 or "00" * 32), np.uint8)
    return rows


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
