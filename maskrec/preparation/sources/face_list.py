"""Faces as listed in ``faces.csv``: their identities, the photos they came from, the masks they wear."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.images.face_table import Faults, Table, flag, read_table, refuse_paths_twice, whole_number
from maskrec.images.photos import BOX_COLUMNS, LANDMARK_COLUMNS, file_fault, place_of, read_points
from maskrec.preparation.sources.csv_source import name_targets
from maskrec.preparation.sources.photo_source import NOT_FINISHED, UNFINISHED

FACES_FILE = "faces.csv"
_OPTIONAL = ("target", "identity", "source", "masked", "mask_type", *LANDMARK_COLUMNS)
_LEFT_ALONE = (*BOX_COLUMNS, "score", "split", "note")


@dataclass(frozen=True, slots=True)
class Face:
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


def read_faces(file: Path) -> list[Face]:
    """All faces of a CSV with columns ``path`` and ``identity`` or ``target``, sorted by path.

    Optional: ``source``, ``masked``, ``mask_type`` and the five landmarks.

    Raises:
        UsageError: lists everything wrong with the file.
    """
    faults = Faults()
    table = read_table(file, ("path",), _OPTIONAL, _LEFT_ALONE, faults)
    if "identity" not in table and "target" not in table:
        raise UsageError(f"{file}:1: no column identity or target, so the people are unknown; add one")
    read_points(table, faults)
    names = _identities(table, faults)
    faces = [face for row, name in enumerate(names) if (face := _face(table, row, name, faults)) is not None]
    _check_people(table, faults)
    refuse_paths_twice(table, faults)
    faults.stop_if_any(str(file))
    return sorted(faces, key=lambda face: face.name)


def _face(table: Table, row: int, identity: str, faults: Faults) -> Face | None:
    name = table.columns["path"][row]
    masked = flag(table.columns["masked"][row]) if "masked" in table else False
    if not name or not identity.strip() or masked is None:
        what = "path" if not name else "masked" if masked is None else "identity"
        text = table.columns[what][row]
        faults.add(table.place(row), f"{what} is {text!r}, which cannot be read")
        return None
    mask_type = table.columns["mask_type"][row].strip() if "mask_type" in table else ""
    if mask_type and not masked:
        faults.add(table.place(row), f"mask_type is {mask_type!r} on a face that is not masked (masked: 0)")
    path = place_of(table.path.parent, name)
    if fault := file_fault(path):
        faults.add(table.place(row), f"{path}: {fault}")
    source = table.columns["source"][row] if "source" in table else ""
    points = tuple(table.columns[column][row] for column in LANDMARK_COLUMNS) if "nose_x" in table else ()
    return Face(os.path.normpath(name), path, identity, source or name, masked, mask_type, points)


def _identities(table: Table, faults: Faults) -> list[str]:
    """Names; people without one are named by their targets, as in ``sources``."""
    if "identity" in table:
        return list(table.columns["identity"])
    targets = [whole_number(text) for text in table.columns["target"]]
    for row, target in enumerate(targets):
        if target is None or target < 0:
            faults.add(table.place(row), f"target is {table.columns['target'][row]!r}, not a whole number from 0")
    return name_targets([target or 0 for target in targets])


def _check_people(table: Table, faults: Faults) -> None:
    """Check that, where a file has both, names and targets match one to one."""
    if "identity" not in table or "target" not in table:
        return
    for one, other in (("identity", "target"), ("target", "identity")):
        known: dict[str, str] = {}
        for row, (name, value) in enumerate(zip(table.columns[one], table.columns[other], strict=True)):
            if known.setdefault(name, value) != value:
                faults.add(table.place(row), f"{one} {name!r} has {other} {value!r} here and {known[name]!r} before")
