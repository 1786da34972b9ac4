"""CSV files of photos, opened with all their faults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.images.face_table import Table, flag, read_table, whole_number
from maskrec.images.photos import BOX_COLUMNS, LANDMARK_COLUMNS, read_points
from maskrec.preparation.face_sets.face_set import FaceSet, NotedFaults, Role, nothing
from maskrec.preparation.face_sets.pairs import read_pairs
from maskrec.preparation.face_sets.photo_bytes import FileBytes

_FACE = ("target", "identity", "source", "masked", "mask_type", *LANDMARK_COLUMNS)
_LEFT_ALONE = (*BOX_COLUMNS, "score", "split", "note")


def open_table(path: Path, role: Role) -> FaceSet:
    """A CSV of ``path`` and ``target`` or ``identity``, or one of pairs; an unreadable file becomes a finding."""
    faces = FaceSet(path, role, "table", [], [], nothing, base=path.parent)
    try:
        if _is_pairs(path):
            targets = read_pairs(faces)
            _name_people(faces, list(faces.people) if faces.named else None, targets)
        else:
            _fill_faces(faces)
    except UsageError as error:
        faces.error("bad_table", str(error).removeprefix(f"{path}:").removeprefix("1:").strip(), str(path))
    faces.read = FileBytes([faces.photo(index) for index in range(len(faces))])
    return faces


def _is_pairs(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return b"pair_path" in stream.readline(65_536)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error


def _fill_faces(faces: FaceSet) -> None:
    rows = NotedFaults(faces.findings, "bad_row")
    table = read_table(faces.path, ("path",), _FACE, _LEFT_ALONE, rows)
    if "identity" not in table and "target" not in table:
        raise UsageError("no column identity or target, so the people are unknown; add one")
    broken = NotedFaults(faces.findings, "landmarks")
    points = read_points(table, broken)
    targets, masked = _targets(table, "target", rows), _masked(table, "masked", rows)
    kept = [row for row in range(len(table)) if _usable(table, row, rows)]
    faces.names = [table.columns["path"][row] for row in kept]
    faces.lines = [table.lines[row] for row in kept]
    if points is not None:
        bad = [row for row in range(len(table)) if table.place(row) in broken.places]
        points[bad] = np.nan
        faces.landmarks = points[kept].astype(np.float32)
    faces.masked = None if masked is None else masked[kept]
    faces.mask_types = _column(table, "mask_type", kept)
    if faces.masked is None and faces.mask_types is not None:
        faces.masked = np.array([bool(kind) for kind in faces.mask_types], np.bool_)
    faces.sources = _column(table, "source", kept)
    names = _column(table, "identity", kept)
    _name_people(faces, names, None if targets is None else [targets[row] for row in kept])
    _check_twice(faces)
    if targets is not None:
        _check_gaps(faces, {target for target in targets if target})


def _column(table: Table, name: str, kept: Sequence[int]) -> list[str] | None:
    return [table.columns[name][row] for row in kept] if name in table else None


def _usable(table: Table, row: int, rows: NotedFaults) -> bool:
    if not table.columns["path"][row]:
        rows.add(table.place(row), "the path is empty")
        return False
    if "identity" in table and not table.columns["identity"][row].strip():
        rows.add(table.place(row), "the identity is empty")
        return False
    return True


def _targets(table: Table, column: str, rows: NotedFaults) -> list[str] | None:
    """Targets in their shortest form, "" where invalid; names are accepted where pairs have names for targets."""
    if column not in table:
        return None
    targets = []
    for row, text in enumerate(table.columns[column]):
        whole = whole_number(text)
        if whole is None or whole < 0:
            rows.add(table.place(row), f"{column} is {text!r}, not a whole number from 0")
        targets.append("" if whole is None or whole < 0 else str(whole))
    return targets


def _masked(table: Table, column: str, rows: NotedFaults) -> NDArray[np.bool_] | None:
    if column not in table:
        return None
    masked = np.zeros(len(table), np.bool_)
    for row, text in enumerate(table.columns[column]):
        value = flag(text)
        if value is None:
            rows.add(table.place(row), f"{column} is {text!r}, not 0 or 1")
        masked[row] = bool(value)
    return masked


def _name_people(faces: FaceSet, names: list[str] | None, targets: list[str] | None) -> None:
    """The identity of each photo: by name, else by its folder where folders and targets agree, else by target."""
    if names is not None:
        faces.people = names
        if targets is not None:
            _check_agreement(faces, names, targets)
        return
    assert targets is not None
    folders = [os.path.basename(os.path.dirname(name)) for name in faces.names]  # noqa: PTH119, PTH120
    pairs = set(zip(folders, targets, strict=True))
    if all(folders) and len(pairs) == len(set(folders)) == len(set(targets)):
        faces.people = folders
        faces.notes.append(f"{faces.path}: no column identity; people are named by their photos' folders")
        return
    faces.named = False
    faces.people = [f"target {target}" if target else "" for target in targets]


def _check_agreement(faces: FaceSet, names: Sequence[str], targets: Sequence[str]) -> None:
    for what, keys, values in (("person", names, targets), ("target", targets, names)):
        first: dict[str, int] = {}
        for index, (key, value) in enumerate(zip(keys, values, strict=True)):
            before = first.setdefault(key, index)
            if key and value and values[before] and values[before] != value:
                other = "target" if what == "person" else "person"
                message = f"{what} {key!r} has {other} {value!r} here and {values[before]!r} before"
                faces.error("labels", message, faces.place(index), faces.place(before), people=(names[index],))


def _check_twice(faces: FaceSet) -> None:
    first: dict[str, int] = {}
    for index in range(len(faces)):
        before = first.setdefault(faces.real(index), index)
        if before != index:
            faces.error("twice", "a photo is listed twice", faces.place(before), faces.place(index))


def _check_gaps(faces: FaceSet, targets: set[str]) -> None:
    there = {int(target) for target in targets}
    if not there:
        return
    last = max(there)
    missing = last + 1 - len(there)
    if missing:
        few = [target for target in range(min(last, len(there) + 10)) if target not in there][:10]
        more = ", ..." if missing > len(few) else ""
        message = (
            f"targets go up to {last}, but no row has {', '.join(map(str, few))}{more}: number from 0 without gaps"
        )
        faces.error("label_gap", message, str(faces.path))
