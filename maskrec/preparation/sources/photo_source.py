"""Sources of photos: every kind is a sorted list of items whose bytes can be read one by one."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from maskrec.base.errors import UsageError

KINDS = (
    "a folder per person, a flat folder of NAME_0001.jpg, a folder with faces.csv, a .csv of path and identity or "
    "target, a .rec with its .idx, a .bin, a .tar or a folder of tars"
)
PACKED_FILE = "packed.json"
_NUMBERED = re.compile(r"(.+)_\d+$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One photo of a source.

    Args:
        key: its name, unique in the source, the same on every machine; ``/`` separates folders.
        identity: the person; empty where the source does not say.
        place: where its source's reader finds the bytes.
        landmarks: ten numbers, the five points in pixels of the photo, where the source gives them.
        box: left, top, right, bottom, likewise.
        masked: whether the source says that the face wears a mask.
        mask_type: its name, where the source gives one.
    """

    key: str
    identity: str
    place: Any = None
    landmarks: tuple[float, ...] | None = None
    box: tuple[float, ...] | None = None
    masked: bool = False
    mask_type: str = ""


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
    """

    path: Path
    kind: str
    items: Sequence[Item]
    reader: Reader

    def read(self, item: Item) -> bytes:
        """The bytes of a photo's file.

        Raises:
            UsageError: it cannot be read.
        """
        return self.reader(item)

    def refuse_inside(self, destination: Path) -> None:
        """Refuse to write into the source: the output would be taken for its photos.

        Raises:
            UsageError: the destination is the source's folder, or lies in it.
        """
        path = self.path.parent if self.path.name == "faces.csv" else self.path
        inner, outer = destination.resolve(), path.resolve()
        if inner == outer or outer in inner.parents:
            raise UsageError(f"{destination} lies in the source {path}; name a folder elsewhere")

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


def open_source(path: Path) -> Source:
    """A source of any kind, depending on what is at the path.

    Raises:
        UsageError: nothing is there, or it is a packed set, or it cannot hold photos; the message lists what can.
    """
    from maskrec.preparation.sources import archives as source_files
    from maskrec.preparation.sources import csv_source as source_tables

    if path.is_dir():
        if (path / PACKED_FILE).is_file():
            raise UsageError(
                f"{path}: a packed set, which is for training (image_packed); name what it was packed from, or {KINDS}"
            )
        if (path / "faces.csv").is_file():
            return source_tables.open_csv(path / "faces.csv")
        if (path / UNFINISHED).is_dir():
            raise UsageError(f"{path}: {NOT_FINISHED}")
        tars = sorted(entry for entry in path.iterdir() if entry.suffix == ".tar" and entry.is_file())
        return source_files.open_tars(path, tars) if tars else open_folder(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; the source of photos may be {KINDS}")
    kind = path.suffix.lower()
    if kind == ".csv":
        return source_tables.open_csv(path)
    if kind == ".rec":
        return source_files.open_rec(path)
    if kind == ".bin":
        return source_files.open_bin(path)
    if kind == ".tar":
        return source_files.open_tars(path, [path])
    raise UsageError(f"{path}: not a source of photos; it may be {KINDS}")


def sorted_source(path: Path, kind: str, items: list[Item], reader: Reader) -> Source:
    """A source of items in the order of their keys.

    Raises:
        UsageError: there are no items, or two have one key.
    """
    if not items:
        raise UsageError(f"{path}: no photos in it; the source of photos may be {KINDS}")
    counts = Counter(item.key for item in items)
    if twice := [key for key, count in counts.items() if count > 1]:
        raise UsageError(f"{path}: {twice[0]!r} is listed twice; name every photo once")
    return Source(path, kind, sorted(items, key=lambda item: item.key), reader)


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
            path = self.root / item.place
            # A named pipe would block for ever.
            if not stat.S_ISREG(path.stat().st_mode):
                raise OSError("not a file")
            content: bytes = path.read_bytes()
            return content
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError(f"{item.key}: cannot be read ({reason})") from error


def read_piece(path: Path, offset: int, size: int) -> bytes:
    """Bytes from within a file; OSError where it has fewer."""
    with path.open("rb") as stream:
        stream.seek(offset)
        piece = stream.read(size)
    if len(piece) < size:
        raise OSError(f"{path.name} is truncated")
    return piece


def printable(name: str) -> str:
    """A file's name as text: bytes that are not UTF-8 as ``\\xNN``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def open_folder(path: Path) -> Source:
    """A folder per person (files at any depth below it), or a flat folder in LFW's naming.

    Hidden files and folders (and Thumbs.db) are ignored. Every other file is an item, whatever its ending: files that
    are not photos are detected when read. A file beside the people's folders has no identity.

    Raises:
        UsageError: a folder cannot be read, or has no files.
    """
    places: list[str] = []
    flat = not any(entry.is_dir() for entry in _entries(path))
    _collect(path, "", places, set())
    items = [Item(printable(place), _identity(place, flat), place) for place in places]
    if flat and items and not any(item.identity for item in items):
        raise UsageError(
            f"{path}: it has no folders and its files are not named like LFW's (NAME_0001.jpg), so people are unknown; "
            "make a folder per person, or name a CSV of path,identity"
        )
    return sorted_source(path, "flat" if flat else "folder", items, FileReader(path.absolute()))


def _identity(place: str, flat: bool) -> str:
    return printable(identity_by_name(place) if flat or "/" in place else "")


def identity_by_name(name: str) -> str:
    """The identity of a photo by its name: the first folder, or the part before LFW's ``_0001``; else empty."""
    first, slash, _ = name.partition("/")
    if slash:
        return first
    matched = _NUMBERED.match(PurePosixPath(name).stem)
    return matched.group(1) if matched else ""


def _collect(folder: Path, prefix: str, places: list[str], above: set[str]) -> None:
    """Files below a folder by relative path; linked folders are followed, but never into one that contains them."""
    real = os.path.realpath(folder)
    if real in above:
        raise UsageError(f"{folder}: the link leads back to a folder above it; remove the link")
    for entry in _entries(folder):
        if entry.is_dir():
            _collect(Path(entry.path), f"{prefix}{entry.name}/", places, above | {real})
        else:
            places.append(prefix + entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name != "Thumbs.db"]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({error.strerror or error})") from error
