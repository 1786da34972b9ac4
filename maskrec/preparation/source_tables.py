"""CSV files as sources of photos."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.errors import UsageError
from maskrec.images.photos import BOX_COLUMNS, IGNORED_COLUMNS, LANDMARK_COLUMNS, read_boxes, read_points
from maskrec.images.tables import Faults, Table, flag, read_table, whole_number
from maskrec.preparation.sources import FileReader, Item, Source, sorted_source

_OPTIONAL = ("identity", "target", *LANDMARK_COLUMNS, *BOX_COLUMNS, "masked", "mask_type")


def open_csv(path: Path) -> Source:
    """A CSV of ``path`` and ``identity`` or ``target``, perhaps with landmarks, boxes, ``masked`` and ``mask_type``.

    Paths are absolute or relative to the CSV's folder. A person without a name is called by the target, with zeros in
    front so that names sort as targets do. Files that are missing are found out when they are read.

    Raises:
        UsageError: with everything wrong with the file.
    """
    faults = Faults()
    table = read_table(path, ("path",), _OPTIONAL, IGNORED_COLUMNS, faults)
    identities = _identities(path, table, faults)
    points, boxes = read_points(table, faults), read_boxes(table, faults)
    masked = _masked(table, faults)
    faults.stop_if_any(str(path))
    kinds = table.columns.get("mask_type", [""] * len(table))
    items = [
        Item(os.path.normpath(name), identities[row], name, _numbers(points, row), _numbers(boxes, row), masked[row],
             kinds[row].strip())
        for row, name in enumerate(table.columns["path"])
    ]  # fmt: skip
    return sorted_source(path, "csv", items, FileReader(path.parent.absolute()))


def _numbers(values: NDArray[np.float64] | None, row: int) -> tuple[float, ...] | None:
    return None if values is None else tuple(values[row].ravel().tolist())


def _identities(path: Path, table: Table, faults: Faults) -> list[str]:
    for row, name in enumerate(table.columns["path"]):
        if not name:
            faults.add(table.place(row), "the path is empty")
    if "identity" in table:
        for row, name in enumerate(table.columns["identity"]):
            if not name.strip():
                faults.add(table.place(row), "the identity is empty")
        return list(table.columns["identity"])
    if "target" not in table:
        raise UsageError(f"{path}:1: no column identity or target, so nobody knows who is who; add one")
    targets = [whole_number(text) for text in table.columns["target"]]
    for row, target in enumerate(targets):
        if target is None or target < 0:
            faults.add(table.place(row), f"target is {table.columns['target'][row]!r}, not a whole number from 0")
    return name_targets([target or 0 for target in targets])


def name_targets(targets: list[int]) -> list[str]:
    """Names for numbers that sort as the numbers do: at least six digits."""
    digits = max(6, len(str(max(targets, default=0))))
    return [f"{target:0{digits}d}" for target in targets]


def _masked(table: Table, faults: Faults) -> list[bool]:
    values = [flag(text) for text in table.columns.get("masked", ["0"] * len(table))]
    for row, value in enumerate(values):
        if value is None:
            faults.add(table.place(row), f"masked is {table.columns['masked'][row]!r}, not 0 or 1")
    return [bool(value) for value in values]
