"""What is in a gallery's SQLite file, compared before anything in it is used.

A gallery may come from a stranger: a trigger, a view, a virtual table or one more index would run with our statements.
The text of every entry of the schema must be exactly ours.
"""

from __future__ import annotations

import sqlite3

from maskrec.inference.galleries.enrolled import GalleryModel

APPLICATION_ID = 0x6D726731  # "mrg1"
FORMAT = 1
"""The file's ``user_version``."""

TABLES = (
    "CREATE TABLE gallery (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, width INTEGER NOT NULL,"
    " words TEXT NOT NULL, next_face INTEGER NOT NULL, revision INTEGER NOT NULL, unwiped INTEGER NOT NULL)",
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, plain_name TEXT NOT NULL)",
    "CREATE UNIQUE INDEX people_by_plain_name ON people (plain_name)",
    "CREATE TABLE blocks (id INTEGER PRIMARY KEY, faces INTEGER NOT NULL, padding BLOB NOT NULL,"
    " rows BLOB NOT NULL, photo_names BLOB NOT NULL, embeddings BLOB NOT NULL)",
    "CREATE TABLE photos (face INTEGER PRIMARY KEY, person INTEGER NOT NULL, name BLOB NOT NULL,"
    " padding BLOB NOT NULL, photo BLOB NOT NULL)",
)
"""``gallery`` has one row. ``padding`` fills what of a row SQLite keeps in its tree (``removing_people.py``)."""


class DamagedGalleryError(ValueError):
    """Something in the file is not as a gallery's is written; a part of a sentence."""


def create_schema(connection: sqlite3.Connection, model: GalleryModel) -> None:
    """Make an empty database a gallery; the caller has begun a transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    for statement in TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO gallery VALUES (1, ?, ?, ?, 1, 0, 0)", model)


def require_schema(connection: sqlite3.Connection) -> None:
    """Compare the whole schema; nothing else was asked of the file before.

    Raises:
        DamagedGalleryError: it is another one.
        sqlite3.Error: the file is damaged.
    """
    found = connection.execute("SELECT sql FROM sqlite_schema ORDER BY rowid LIMIT ?", (len(TABLES) + 1,)).fetchall()
    if found != [(text,) for text in TABLES]:
        raise DamagedGalleryError("its tables are not those of a gallery")
