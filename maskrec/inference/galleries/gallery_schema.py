"""What is in a gallery's SQLite file, compared before anything in it is used.

A gallery may come from a stranger: a trigger, a view, a virtual table or one more index would run with our statements.
So each entry of the schema must be ours to the letter.
"""

from __future__ import annotations

import re
import sqlite3

from maskrec.inference.galleries.enrolled import GalleryModel
from maskrec.inference.galleries.gallery_errors import DamagedGalleryError

APPLICATION_ID = 0x6D726731  # "mrg1"
FORMAT = 1
"""The file's ``user_version``."""

PAGE = 4096
"""Bytes of a page of the file; also of ``padding``."""

TABLES = (
    "CREATE TABLE gallery (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, width INTEGER NOT NULL,"
    " words TEXT NOT NULL, next_face INTEGER NOT NULL, revision INTEGER NOT NULL, unwiped INTEGER NOT NULL)",
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, plain_name TEXT NOT NULL)",
    "CREATE UNIQUE INDEX people_by_plain_name ON people (plain_name)",
    "CREATE TABLE blocks (id INTEGER PRIMARY KEY, faces INTEGER NOT NULL, padding BLOB NOT NULL,"
    " rows BLOB NOT NULL, photo_names BLOB NOT NULL, embeddings BLOB NOT NULL)",
    "CREATE TABLE photos (face INTEGER PRIMARY KEY, person INTEGER NOT NULL, padding BLOB NOT NULL,"
    " name BLOB NOT NULL, photo BLOB NOT NULL)",
)
"""``gallery`` has one row: the model, the next face's number, how often the file was changed, and at which of these
changes something was removed that is not wiped yet (0: nothing). What ``padding`` is for says ``removing_people.py``.
"""

_WIDEST = 1 << 16
_MOST_FACES = 1 << 62
_LONGEST_WORDS = 4096


def create_schema(connection: sqlite3.Connection, model: GalleryModel) -> None:
    """Make an empty database a gallery; the caller has begun a transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    for statement in TABLES:
        connection.execute(statement)
    words = model.words[:_LONGEST_WORDS].encode("utf-8", "replace").decode()
    connection.execute("INSERT INTO gallery VALUES (1, ?, ?, ?, 1, 0, 0)", (model.fingerprint, model.width, words))


def require_schema(connection: sqlite3.Connection) -> None:
    """Compare the whole schema; nothing else was asked of the file before.

    Raises:
        DamagedGalleryError: it is another one.
        sqlite3.Error: the file is damaged.
    """
    query = "SELECT sql FROM sqlite_master ORDER BY rowid LIMIT ?"
    if connection.execute(query, (len(TABLES) + 1,)).fetchall() != [(text,) for text in TABLES]:
        raise DamagedGalleryError("its tables are not those of a gallery")


def read_model(connection: sqlite3.Connection) -> GalleryModel:
    """Which model the rows are of.

    Raises:
        DamagedGalleryError: that is not said.
    """
    rows = connection.execute("SELECT fingerprint, width, words, next_face FROM gallery LIMIT 2").fetchall()
    if len(rows) != 1:
        raise DamagedGalleryError("it does not say of which model it is")
    fingerprint, width, words, next_face = rows[0]
    if not isinstance(fingerprint, str) or not re.fullmatch("[0-9a-f]{64}", fingerprint):
        raise DamagedGalleryError("its model's fingerprint is not 64 hexadecimal digits")
    if type(width) is not int or not 1 <= width <= _WIDEST:
        raise DamagedGalleryError("the length of its embeddings is out of range")
    if not isinstance(words, str) or len(words) > _LONGEST_WORDS:
        raise DamagedGalleryError("what it says of its model is not a short text")
    if type(next_face) is not int or not 1 <= next_face <= _MOST_FACES:
        raise DamagedGalleryError("the number of its next face is out of range")
    return GalleryModel(fingerprint, width, words)
