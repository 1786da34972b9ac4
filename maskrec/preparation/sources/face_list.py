"""Faces as listed in ``faces.csv``: their identities, the photos they came from, the masks they wear."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.face_table import FaceTable, read_faces
from maskrec.preparation.sources.photo_source import FACES_FILE, NOT_FINISHED, UNFINISHED

_FIELDS = ("path", "target", "identity", "source", "masked", "mask_type", "landmarks")


@dataclass(frozen=True, slots=True)
class FaceRow:
    """One row.

    Args:
        name: the path as the file has it, in its shortest form.
        path: the same, absolute.
        identity: the person's name.
        source: the photo that it was made from; its own name where the file does not say.
        masked: whether it shows a mask.
        mask_type: which, or an empty text.
        landmarks: the ten numbers as they are written, in the order of ``LANDMARK_COLUMNS``; empty without.
    """

    name: str
    path: str
    identity: str
    source: str
    masked: bool
    mask_type: str
    landmarks: tuple[str, ...]


def faces_file(place: Path) -> Path:
    """The CSV itself: ``place``, or the ``faces.csv`` in the folder ``place``.

    Raises:
        UsageError: it does not exist.
    """
    if not place.is_dir():
        return place
    file = place / FACES_FILE
    if not file.is_file() and (place / UNFINISHED).is_dir():
        raise UsageError(f"{place}: {NOT_FINISHED}")
    if not file.is_file():
        raise UsageError(f"{place} holds no {FACES_FILE}; make one with `maskrec data align`, or name a CSV file")
    return file


def read_face_list(file: Path) -> list[FaceRow]:
    """All faces of a CSV with columns ``path`` and ``identity`` or ``target``, sorted by path.

    Optional: ``source``, ``masked``, ``mask_type`` and the five landmarks.

    Raises:
        UsageError: lists everything wrong with the file.
    """
    problems = Problems()
    faces = read_faces(file, problems, _FIELDS)
    people, paths = faces.people(), faces.places(file.parent)
    faces.check_twice(paths, problems)
    faces.check_files(paths, problems)
    faces.check_people(problems)
    masked, kinds = faces.masked(), faces.texts("mask_type")
    for row in [row for row, kind in enumerate(kinds) if kind and not masked[row]]:
        said = f"mask_type is {kinds[row]!r} on a face that is not masked (masked: 0)"
        problems.add(faces.table.mark(row), said)
    problems.raise_errors(str(file))
    points = _points(faces)
    names, sources = faces.texts("path"), faces.texts("source")
    found = [
        FaceRow(
            os.path.normpath(name), paths[row], people[row], sources[row] or name, bool(masked[row]), kinds[row], ten
        )
        for row, (name, ten) in enumerate(zip(names, points, strict=True))
    ]
    return sorted(found, key=lambda face: face.name)


def masks_known(file: Path) -> bool:
    """Whether a CSV that ``read_face_list`` has read says which faces wear a mask."""
    return read_faces(file, Problems(), ("path", "masked", "mask_type")).masks_known


def _points(faces: FaceTable) -> list[tuple[str, ...]]:
    """Each face's landmarks as they are written; empty where there are none."""
    if faces.landmarks is None:
        return [()] * len(faces)
    return list(zip(*(faces.table.columns[name] for name in LANDMARK_COLUMNS), strict=True))
