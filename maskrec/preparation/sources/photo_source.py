"""Sources of photos: every kind is a sorted list of items whose bytes can be read one by one."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.words import os_reason
from maskrec.images.decoding import read_bytes
from maskrec.preparation.sources.photo_columns import Item, PhotoColumns

KINDS = (
    "a folder per person, a flat folder of NAME_0001.jpg, a folder with faces.csv, a .csv of path and identity or "
    "target, a .rec with its .idx, a .bin, a .tar or a folder of tars"
)
FACES_FILE = "faces.csv"
PACKED_FILE = "packed.json"


class Reader(Protocol):
    """Reads the bytes of an item; small, so that it can be pickled for worker processes."""

    def __call__(self, item: Item) -> bytes:
        """The photo's file.

        Raises:
            UsageError: it cannot be read, in one sentence.
        """


@dataclass(frozen=True)
class Source:
    """A source that was opened.

    Args:
        path: of the folder or file.
        kind: ``folder``, ``flat``, ``csv``, ``rec``, ``bin`` or ``tar``.
        items: sorted by key.
        reader: what reads them; give it to worker processes instead of the whole source.
        notes: sentences for the user about what is not an item.
    """

    path: Path
    kind: str
    items: PhotoColumns
    reader: Reader
    notes: tuple[str, ...] = ()

    def read(self, item: Item) -> bytes:
        """The bytes of a photo's file.

        Raises:
            UsageError: it cannot be read.
        """
        return self.reader(item)

    def refuse_inside(self, destination: Path) -> None:
        """Refuse to write into the source: the output would be taken for its photos.

        Raises:
            UsageError: the destination is the source's folder, or is inside it.
        """
        path = self.path.parent if self.path.name == FACES_FILE else self.path
        inner, outer = Path(os.path.realpath(destination)), Path(os.path.realpath(path))
        if inner == outer or outer in inner.parents:
            raise UsageError(f"{destination} is inside the source {path}; name a folder elsewhere")

    def fingerprint(self) -> str:
        """SHA-256 over the sorted list (names, identities, landmarks), not over the photos' bytes."""
        digest = hashlib.sha256()
        for item in self.items:
            line = repr((item.key, item.identity, item.landmarks, item.box, item.masked, item.mask_type))
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


UNFINISHED = ".parts"
NOT_FINISHED = (
    "the work in this folder is not finished: run the same command again, or `maskrec data merge` after shards"
)


def sorted_source(path: Path, kind: str, photos: PhotoColumns, reader: Reader) -> Source:
    """A source of photos in the order of their keys.

    Raises:
        UsageError: no photos, or two of one key.
    """
    if not len(photos):
        raise UsageError(f"{path}: no photos in it; the source of photos may be {KINDS}")
    counts = Counter(photos.names)
    if twice := [key for key, count in counts.items() if count > 1]:
        raise UsageError(f"{path}: {twice[0]!r} is listed twice; every photo must be listed once")
    return Source(path, kind, photos.by_name(), reader)


@dataclass(frozen=True, slots=True)
class FileReader:
    """Reads files below a root, and members of tars there.

    An item's ``place`` is a path, absolute or relative to the root, or (a tar's path, offset, size).
    """

    root: Path

    def __call__(self, item: Item) -> bytes:
        """The bytes; UsageError where the file is missing, truncated, not a regular file, or not readable."""
        try:
            if isinstance(item.place, tuple):
                return read_piece(self.root / item.place[0], *item.place[1:])
            return read_bytes(self.root / item.place)
        except (OSError, ValueError) as error:
            raise UsageError(f"{item.key}: cannot be read ({os_reason(error)})") from error


def read_piece(path: Path, offset: int, size: int) -> bytes:
    """Bytes from within a file; OSError where it has fewer."""
    with open_regular(path) as stream:
        stream.seek(offset)
        piece = stream.read(size)
    if len(piece) < size:
        raise OSError(f"{path.name} is truncated")
    return piece


def printable(name: str) -> str:
    """A file's name as text: bytes that are not UTF-8 as ``\\xNN``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
