"""CSV files of photos, opened with all their problems."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.words import os_reason
from maskrec.contracts.problem import Problems
from maskrec.images.face_table import contradictions, first_rows, read_frame, read_points, read_rows, target_gaps
from maskrec.preparation.face_sets.face_set import FaceSet, Role
from maskrec.preparation.face_sets.pairs import fill_from_pairs
from maskrec.preparation.face_sets.photo_bytes import FileBytes

_FIELDS = ("path", "target", "identity", "source", "masked", "mask_type", "landmarks")


def open_table(path: Path, role: Role) -> FaceSet:
    """A CSV of ``path`` and ``target`` or ``identity``, or one of pairs; an unreadable file becomes a problem."""
    faces = FaceSet(path=path, role=role, kind="table", base=path.parent)
    try:
        if _is_pairs(path):
            targets = fill_from_pairs(faces)
            _name_people(faces, list(faces.people) if faces.named else None, targets)
        else:
            _fill_faces(faces)
    except UsageError as error:
        faces.error("bad_table", str(error).removeprefix(f"{path}:").removeprefix("1:").strip(), str(path))
    faces.read = FileBytes([faces.photo(index) for index in range(len(faces))])
    return faces


def _is_pairs(path: Path) -> bool:
    try:
        with open_regular(path) as stream:
            return b"pair_path" in stream.readline(65_536)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({os_reason(error)})") from error


def _fill_faces(faces: FaceSet) -> None:
    rows, broken = Problems(), Problems()
    try:
        table = read_rows(faces.path, rows, _FIELDS)
        if "identity" not in table and "target" not in table:
            raise UsageError("neither a column `identity` nor `target`, so the people are unknown; add one of them")
        points = read_points(table, broken)
        frame = read_frame(table, _FIELDS, rows)
    finally:
        faces.take("bad_row", rows)
        faces.take("landmarks", broken)
    gaps = target_gaps(frame["target"][frame["target"] >= 0]) if "target" in frame else ""
    kept = (frame["path"] != "") & (frame["identity"] != "" if "identity" in frame else True)
    frame, lines = frame[kept], np.array(table.lines)[kept]
    faces.names, faces.lines = frame["path"].tolist(), lines.tolist()
    faces.landmarks = None if points is None else points[kept].astype(np.float32)
    faces.mask_types = frame["mask_type"].tolist() if "mask_type" in frame else None
    if "masked" in frame:
        faces.masked = frame["masked"].to_numpy()
    elif faces.mask_types is not None:
        faces.masked = np.array([bool(kind) for kind in faces.mask_types], np.bool_)
    faces.sources = frame["source"].tolist() if "source" in frame else None
    names = frame["identity"].tolist() if "identity" in frame else None
    targets = [str(target) if target >= 0 else "" for target in frame["target"]] if "target" in frame else None
    _name_people(faces, names, targets)
    _check_twice(faces)
    if gaps:
        faces.error("label_gap", gaps, str(faces.path))


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
    columns = {"person": pd.Series(names, dtype=object), "target": pd.Series(targets, dtype=object)}
    for what, other in (("person", "target"), ("target", "person")):
        keys, values = columns[what], columns[other]
        for row, before in contradictions(keys, values):
            message = (
                f"{what} {keys[row]!r} has {other} {values[row]!r} here and {values[before]!r} in {faces.mark(before)}"
            )
            faces.error("labels", message, faces.place(row), faces.place(before), people=(names[row],))


def _check_twice(faces: FaceSet) -> None:
    first = first_rows([faces.real(index) for index in range(len(faces))])
    for index in np.flatnonzero(first != np.arange(len(first))).tolist():
        faces.error("twice", "one photo is listed twice", faces.place(int(first[index])), faces.place(index))
