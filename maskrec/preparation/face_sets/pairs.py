"""CSV files of pairs, opened as the photos that they name."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from maskrec.images.face_table import Table, flag, read_table
from maskrec.preparation.face_sets.face_set import FaceSet, NotedFaults

_REQUIRED = ("path", "target", "pair_path", "pair_target")
_PAIR = ("identity", "photo", "masked", "mask_type")
_LEFT_ALONE = ("score", "source", "split", "note", "condition", "fold")


@dataclass(slots=True)
class _Photos:
    """Every photo once, in the order of first appearance."""

    numbers: dict[str, int] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    mask_types: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    masked: list[bool] = field(default_factory=list)


def read_pairs(faces: FaceSet) -> list[str]:
    """Fill a set with the photos of its list of pairs.

    Returns:
        Each photo's target; people have names where the table has ``identity`` and ``pair_identity``.

    Raises:
        UsageError: a file cannot be read, or its header does not fit.
    """
    faces.kind = "pairs"
    rows = NotedFaults(faces.findings, "bad_row")
    optional = [*_PAIR, *(f"pair_{name}" for name in _PAIR)]
    table = read_table(faces.path, _REQUIRED, optional, _LEFT_ALONE, rows)
    photos = _Photos()
    for row in range(len(table)):
        for side in ("", "pair_"):
            _side(faces, table, row, side, photos, rows)
    faces.names, faces.lines = list(photos.numbers), photos.lines
    faces.mask_types, faces.masked = photos.mask_types, np.array(photos.masked, np.bool_)
    faces.sources = photos.sources if "photo" in table else None
    faces.named = "identity" in table and "pair_identity" in table
    faces.people = photos.people
    return photos.targets


def _side(faces: FaceSet, table: Table, row: int, side: str, photos: _Photos, rows: NotedFaults) -> None:
    def value(column: str) -> str:
        return table.columns[side + column][row].strip() if side + column in table else ""

    name, target, person = table.columns[f"{side}path"][row], value("target"), value("identity")
    if not name or not target:
        rows.add(table.place(row), f"{side}{'target' if name else 'path'} is empty")
        return
    number = photos.numbers.setdefault(name, len(photos.lines))
    if number < len(photos.lines):
        if (photos.targets[number], photos.people[number]) != (target, person):
            was = photos.people[number] or f"target {photos.targets[number]}"
            now = person or f"target {target}"
            message = f"{name} is {now!r} here and {was!r} in line {photos.lines[number]}"
            faces.error("labels", message, table.place(row), people=(was, now))
        return
    photos.lines.append(table.lines[row])
    photos.targets.append(target)
    photos.people.append(person)
    masked = flag(value("masked")) if f"{side}masked" in table else False
    if masked is None:
        rows.add(table.place(row), f"{side}masked is {value('masked')!r}, not 0 or 1")
    photos.masked.append(bool(masked))
    # On a photo without a mask, mask_type is what an evaluation puts on.
    photos.mask_types.append(value("mask_type") if masked else "")
    photos.sources.append(value("photo"))
