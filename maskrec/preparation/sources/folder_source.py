"""Folders as sources of photos."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import is_folder
from maskrec.preparation.sources.photo_columns import PhotoColumns
from maskrec.preparation.sources.photo_source import FileReader, Source, printable, sorted_source

_NUMBERED = re.compile(r"(.+)_\d+$", re.DOTALL)


def open_folder(path: Path) -> Source:
    """A folder per person (files at any depth below it), or a flat folder in LFW's naming.

    Hidden files and folders (and Thumbs.db) are ignored. Every other file is an item, whatever its ending: files that
    are not photos are detected when read. A file beside the people's folders has no identity.

    Raises:
        UsageError: a folder cannot be read, or has no files.
    """
    places: list[str] = []
    flat = not any(is_folder(entry) for entry in _entries(path))
    _collect(path, "", places, set())
    people = [_identity(place, flat) for place in places]
    if flat and people and not any(people):
        raise UsageError(
            f"{path}: it has no folders and its files are not named like LFW's (NAME_0001.jpg), so people are unknown; "
            "make a folder per person, or name a CSV of path,identity"
        )
    photos = PhotoColumns([printable(place) for place in places], people, places)
    return sorted_source(path, "flat" if flat else "folder", photos, FileReader(path.absolute()))


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
        if is_folder(entry):
            _collect(Path(entry.path), f"{prefix}{entry.name}/", places, above | {real})
        else:
            places.append(prefix + entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name != "Thumbs.db"]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({error.strerror or error})") from error
