"""Folders as sources of photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import is_folder
from maskrec.base.words import os_reason
from maskrec.images.folder_layout import WORN, worn_by_folder
from maskrec.images.people_by_place import folder_fault, person_by_place
from maskrec.preparation.sources.photo_columns import PhotoColumns
from maskrec.preparation.sources.photo_source import FileReader, Source, printable, sorted_source
from maskrec.runtime.run_directory import RunDirectory


def open_folder(path: Path, people_needed: bool = True) -> Source:
    """A folder per person, with any folders around it, or a flat folder in LFW's naming.

    The folder in which a photo lies is its person.

    Photos in a folder called ``masked`` wear a mask (see ``images.folder_layout``); without such a folder
    nothing is known about masks.

    Hidden files and folders (and Thumbs.db) are ignored; folders without any other file are named in the notes. Every
    other file is an item, whatever its ending: files that are not photos are detected when read. A file beside the
    people's folders has no identity.

    Args:
        path: of the folder.
        people_needed: whether a flat folder that says of nobody who it is must be refused.

    Raises:
        UsageError: a folder cannot be read, is a run directory, has no files, or cannot be a person: it holds photos
            and folders of photos, or another one has its name.
    """
    places: list[str] = []
    empty: list[str] = []
    flat = not any(is_folder(entry) and entry.name.lower() not in WORN for entry in _entries(path))
    _collect(path, "", places, set(), empty)
    layout = [worn_by_folder(place) for place in places]
    if fault := folder_fault((plain for plain, _ in layout), mask_folders=True):
        raise UsageError(f"{path}: {printable(fault)}")
    people = [_identity(plain, flat) for plain, _ in layout]
    if people_needed and flat and people and not any(people):
        raise UsageError(
            f"{path}: it has no folders and its files are not named like LFW's (NAME_0001.jpg; IMG_0001.jpg is a "
            "camera's name), so people are unknown; make a folder per person, or name a CSV of path,identity"
        )
    masked = np.array([bool(worn) for _, worn in layout], np.bool_)
    said = any(worn is not None for _, worn in layout)
    names = [printable(place) for place in places]
    photos = PhotoColumns(names, people, places, masked=masked if said else None)
    source = sorted_source(path, "flat" if flat else "folder", photos, FileReader(path.absolute()))
    return replace(source, notes=_about_empty(sorted(empty)))


def _about_empty(folders: Sequence[str]) -> tuple[str, ...]:
    if not folders:
        return ()
    some = ", ".join(map(repr, map(printable, folders[:3]))) + (", ..." if len(folders) > 3 else "")
    return (f"folders without any file are left out ({len(folders):,}: {some}); fill or remove them",)


def _identity(place: str, flat: bool) -> str:
    return printable(person_by_place(place) if flat or "/" in place else "")


def _collect(folder: Path, prefix: str, places: list[str], above: set[str], empty: list[str]) -> None:
    """Files below a folder by relative path, and folders without any; linked folders are followed, but never into one
    that contains them."""
    real = os.path.realpath(folder)
    if real in above:
        raise UsageError(f"{folder}: the link leads back to a folder above it; remove the link")
    if RunDirectory(folder).is_run:
        raise UsageError(f"{folder}: a run directory, which holds no faces; name a folder of photos or of faces")
    entries = _entries(folder)
    if not entries and prefix:
        empty.append(prefix.rstrip("/"))
    for entry in entries:
        if is_folder(entry):
            _collect(Path(entry.path), f"{prefix}{entry.name}/", places, above | {real}, empty)
        else:
            places.append(prefix + entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name != "Thumbs.db"]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({os_reason(error)})") from error
