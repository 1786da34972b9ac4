"""CSV files as sources of photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskrec.contracts.problem import Problems
from maskrec.images.face_table import read_faces
from maskrec.images.tars.tarfiles import Member, read_members
from maskrec.preparation.sources.photo_columns import PhotoColumns
from maskrec.preparation.sources.photo_source import FileReader, Source, sorted_source

_FIELDS = ("path", "target", "identity", "masked", "mask_type", "landmarks", "box")


def open_csv(path: Path) -> Source:
    """A CSV of ``path`` and ``identity`` or ``target``, optionally with landmarks, boxes, ``masked`` and ``mask_type``.

    Paths are absolute or relative to the CSV's folder; ``NAME.tar/MEMBER`` is a file in a tar. A person without a name
    is named by the target, with leading zeros so that names sort as targets do. Missing files are detected when they
    are read.

    Raises:
        UsageError: lists everything wrong with the file.
    """
    problems = Problems()
    faces = read_faces(path, problems, _FIELDS)
    identities = faces.people()
    faces.check_people(problems)
    names, folder = faces.texts("path"), str(path.parent.absolute())
    faces.check_twice([os.path.normpath(os.path.join(folder, name)) for name in names], problems)  # noqa: PTH118
    problems.raise_errors(str(path))
    photos = PhotoColumns(
        [os.path.normpath(name) for name in names],
        identities,
        _places(path, names),
        faces.landmarks,
        faces.boxes,
        faces.masked() if faces.masks_known else None,
        faces.texts("mask_type"),
    )
    return sorted_source(path, "csv", photos, FileReader(path.parent.absolute()))


def _places(path: Path, names: Sequence[str]) -> list[Any]:
    """The places of the files: paths as written, members of tars by position."""
    tars: dict[str, dict[str, Member]] = {}
    places: list[Any] = []
    for name in names:
        tar, inside, member = name.partition(".tar/")
        tar += ".tar"
        if inside and tar not in tars and (path.parent / tar).is_file():
            tars[tar] = {one.name: one for one in read_members(path.parent / tar)}
        found = tars.get(tar, {}).get(member)
        places.append(name if found is None else (tar, found.offset, found.size))
    return places
