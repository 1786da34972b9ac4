"""CSV files as sources of photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.images.face_table import (
    Faults,
    Table,
    flag,
    names_of_targets,
    read_table,
    refuse_paths_twice,
    whole_number,
)
from maskrec.images.photos import BOX_COLUMNS, IGNORED_COLUMNS, LANDMARK_COLUMNS, read_boxes, read_points
from maskrec.images.tars.tarfiles import Member, read_members
from maskrec.preparation.sources.photo_source import FileReader, Item, Source, sorted_source

_OPTIONAL = ("identity", "target", *LANDMARK_COLUMNS, *BOX_COLUMNS, "masked", "mask_type")


def open_csv(path: Path) -> Source:
    """A CSV of ``path`` and ``identity`` or ``target``, optionally with landmarks, boxes, ``masked`` and ``mask_type``.

    Paths are absolute or relative to the CSV's folder; ``NAME.tar/MEMBER`` is a file in a tar. A person without a name
    is named by the target, with leading zeros so that names sort as targets do. Missing files are detected when they
    are read.

    Raises:
        UsageError: lists everything wrong with the file.
    """
    faults = Faults()
    table = read_table(path, ("path",), _OPTIONAL, IGNORED_COLUMNS, faults)
    identities = _identities(path, table, faults)
    points, boxes = read_points(table, faults), read_boxes(table, faults)
    masked = _masked(table, faults)
    refuse_paths_twice(table, faults)
    faults.stop_if_any(str(path))
    kinds = table.columns.get("mask_type", [""] * len(table))
    places = _places(path, table.columns["path"])
    items = [
        Item(
            os.path.normpath(name),
            identities[row],
            places[row],
            _numbers(points, row),
            _numbers(boxes, row),
            masked[row],
            kinds[row].strip(),
        )
        for row, name in enumerate(table.columns["path"])
    ]
    return sorted_source(path, "csv", items, FileReader(path.parent.absolute()))


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


def _numbers(values: NDArray[np.float64] | None, row: int) -> tuple[float, ...] | None:
    return None if values is None else tuple(values[row].ravel().tolist())


def _identities(path: Path, table: Table, faults: Faults) -> list[str]:
    for row, name in enumerate(table.columns["path"]):
        if not name:
            faults.add(table.place(row), "the path is empty")
    if "identity" in table:
        names = list(table.columns["identity"])
        people = [text.strip() for text in table.columns["target"]] if "target" in table else names
        names_of_targets(table, people, faults)
        return names
    if "target" not in table:
        raise UsageError(f"{path}:1: no column identity or target, so the people are unknown; add one")
    targets = [whole_number(text) for text in table.columns["target"]]
    for row, target in enumerate(targets):
        if target is None or target < 0:
            faults.add(table.place(row), f"target is {table.columns['target'][row]!r}, not a whole number from 0")
    return name_targets([target or 0 for target in targets])


def name_targets(targets: list[int]) -> list[str]:
    """Names for numbers that sort like the numbers: at least six digits."""
    digits = max(6, len(str(max(targets, default=0))))
    return [f"{target:0{digits}d}" for target in targets]


def _masked(table: Table, faults: Faults) -> list[bool]:
    values = [flag(text) for text in table.columns.get("masked", ["0"] * len(table))]
    for row, value in enumerate(values):
        if value is None:
            faults.add(table.place(row), f"masked is {table.columns['masked'][row]!r}, not 0 or 1")
    return [bool(value) for value in values]
