"""Opens what is at a path: tables, folders and archives of faces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.images.photos import PHOTO_ENDINGS
from maskrec.preparation.face_sets.csv_sets import open_table
from maskrec.preparation.face_sets.face_set import FaceSet, Role
from maskrec.preparation.sources.opening import open_source
from maskrec.preparation.sources.photo_source import FACES_FILE, KINDS, NOT_FINISHED, PACKED_FILE, UNFINISHED, Source

_SPLITS: tuple[tuple[str, Role], ...] = (("train*.csv", "train"), ("eval*.csv", "evaluation"), ("test*.csv", "test"))


def open_sets(path: Path, role: Role = "") -> list[FaceSet]:
    """The data sets at a path, each with what is wrong with its listing.

    A folder with ``faces.csv`` is opened as that file; one with ``train*.csv``, ``eval*.csv`` or ``test*.csv`` as
    these, each in the role that its name says; a CSV with ``pair_path`` as a list of pairs; anything else with
    ``open_source``.

    Args:
        path: a file or folder.
        role: training, evaluation or test; where "", a CSV's name may give it.

    Raises:
        UsageError: nothing is there, or nothing that can hold faces.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; a data set is {KINDS}, or a .csv of pairs")
    if path.suffix.lower() == ".csv" and path.is_file():
        return [open_table(path, role or _role_of(path))]
    if not path.is_dir():
        return [_archive(path, role)]
    if (path / PACKED_FILE).is_file():
        raise UsageError(f"{path}: packed faces are for training; name the folder or file that they were packed from")
    if (path / UNFINISHED).is_dir():
        return [_unfinished(path, role)]
    splits = _splits(path)
    if (path / FACES_FILE).is_file():
        return [_aligned(path, role, [file.name for file, _ in splits])]
    if splits:
        return [open_table(file, role or found) for file, found in splits]
    return [_archive(path, role)]


def _role_of(path: Path) -> Role:
    return next((role for pattern, role in _SPLITS if path.match(pattern)), "")


def _splits(folder: Path) -> list[tuple[Path, Role]]:
    return [(file, role) for pattern, role in _SPLITS for file in sorted(folder.glob(pattern)) if file.is_file()]


def _unfinished(path: Path, role: Role) -> FaceSet:
    faces = FaceSet(path=path, role=role, kind="unfinished")
    faces.error("unfinished", NOT_FINISHED, str(path / UNFINISHED))
    return faces


def _aligned(path: Path, role: Role, others: Sequence[str]) -> FaceSet:
    """A folder with ``faces.csv``, and the photos in it that the file does not name."""
    faces = open_table(path / FACES_FILE, role)
    faces.kind = FACES_FILE
    if others:
        faces.notes.append(f"{path}: {', '.join(others)} are also in it but are not checked; name them to check them")
    named = {faces.real(index) for index in range(len(faces))}
    root = Path(os.path.realpath(path))  # never raises, whatever the links
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and file.suffix.lower() in PHOTO_ENDINGS and str(file) not in named:
            faces.warn("unlisted", f"{FACES_FILE} does not name this photo", str(path / relative))
    return faces


def _archive(path: Path, role: Role) -> FaceSet:
    """What ``open_source`` reads; a folder or archive that it rejects becomes a problem."""
    try:
        source = open_source(path)
    except UsageError as error:
        if not path.is_dir() and path.suffix.lower() not in (".rec", ".bin", ".tar"):
            raise
        faces = FaceSet(path=path, role=role, kind="unreadable")
        faces.error("damaged", str(error).removeprefix(f"{path}: "), str(path))
        return faces
    return _from_source(source, path, role)


def _from_source(source: Source, path: Path, role: Role) -> FaceSet:
    photos, read = source.items, partial(_read_item, source)
    files = source.kind in ("folder", "flat")
    columns = {column.name: getattr(photos, column.name) for column in fields(photos)}
    faces = FaceSet(path=path, role=role, kind=source.kind, read=read, **columns)
    faces.base = path if files else None
    faces.named = source.kind not in ("rec", "bin")
    if files:
        _check_files(faces, [str(place) for place in photos.places])
    _check_nameless(faces)
    return faces


def _read_item(source: Source, index: int) -> bytes:
    """No closure, so that a set's ``read`` pickles for loader workers."""
    return source.read(source.items[index])


def _check_nameless(faces: FaceSet) -> None:
    for index, person in enumerate(faces.people):
        if not person:
            faces.error("nameless", "this photo has no identity; move it to its person's folder", faces.photo(index))


def _check_files(faces: FaceSet, names: Sequence[str]) -> None:
    """Files in a folder of people that are not photos by their names, and people's folders without photos."""
    for name in names:
        if not name.lower().endswith(PHOTO_ENDINGS):
            what = f"not a photo by its name (photos end in {', '.join(PHOTO_ENDINGS)}); remove or convert it"
            faces.error("no_photo", what, str(faces.path / name))
    if faces.kind == "folder":
        there = {name.partition("/")[0] for name in names}
        for folder in sorted(faces.path.iterdir()):
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in there:
                faces.error("empty_folder", "no photos in this person's folder; fill it or remove it", str(folder))
