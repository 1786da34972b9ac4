"""Faces that a CSV names, in columns, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import Table, read_table
from maskrec.images.face_columns import BOX_COLUMNS, FACE_COLUMNS, LANDMARK_COLUMNS, columns_of, name_targets
from maskrec.images.photos import file_problem, place_of


@dataclass(frozen=True, slots=True)
class FaceTable:
    """Faces in columns, one row a face, in the file's order.

    Args:
        table: their text and lines.
        frame: a column a field that was asked for and that the file has: ``path`` (as written), ``target`` (int64),
            ``identity``, ``source``, ``masked`` (bool) and ``mask_type``.
        landmarks: float64 ``(n, 5, 2)`` in pixels of each photo, NaN where broken; None without any.
        boxes: float64 ``(n, 4)`` left, top, right, bottom; likewise.
    """

    table: Table
    frame: pd.DataFrame
    landmarks: NDArray[np.float64] | None
    boxes: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.frame)

    def texts(self, name: str) -> list[str]:
        """A column as strings; empty ones where the file does not have it."""
        return self.frame[name].tolist() if name in self.frame else [""] * len(self)

    def masked(self) -> NDArray[np.bool_]:
        """Whether each face wears a mask: ``masked``, else where ``mask_type`` names one; False without both."""
        if "masked" in self.frame:
            return self.frame["masked"].to_numpy()
        return np.array([bool(kind) for kind in self.texts("mask_type")], np.bool_)

    @property
    def masks_known(self) -> bool:
        """Whether the file says which faces wear a mask."""
        return "masked" in self.frame or "mask_type" in self.frame

    def people(self) -> list[str]:
        """Who each is: the identity, else the target with zeros in front, so that names sort as targets do.

        Raises:
            UsageError: the file has neither column.
        """
        if "identity" in self.frame:
            return self.texts("identity")
        if "target" not in self.frame:
            raise UsageError(
                f"{self.table.path}:1: neither a column `identity` nor `target`, so the people are unknown; add one of "
                "them"
            )
        return name_targets(self.frame["target"].clip(lower=0).tolist())

    def places(self, root: Path) -> list[str]:
        """Where each file is: below ``root``, or where its path says when that is absolute."""
        return [place_of(root, name) for name in self.frame["path"]]

    def check_twice(self, places: Sequence[str], problems: Problems) -> None:
        """Report rows that name one file, by ``places``, however it is spelt (``./a.jpg`` is ``a.jpg``)."""
        first = first_rows(places)
        for row in np.flatnonzero(first != np.arange(len(first))).tolist():
            if name := self.frame["path"].iloc[row]:
                before = self.table.lines[first[row]]
                problems.add(self.table.mark(row), f"{name!r} is listed twice, before in line {before}; remove one")

    def check_files(self, places: Sequence[str], problems: Problems) -> None:
        """Report files that are missing, empty or no files, each once."""
        names = self.texts("path")
        for row in np.unique(first_rows(places)).tolist():
            if names[row] and (said := file_problem(places[row])):
                problems.add(self.table.mark(row), f"{places[row]}: {said}")

    def check_people(self, problems: Problems) -> None:
        """Report, where the file has both, rows whose target has another identity in an earlier row, or the reverse."""
        if "identity" not in self.frame or "target" not in self.frame:
            return
        for one, other in (("target", "identity"), ("identity", "target")):
            for row, first in contradictions(self.frame[one], self.frame[other]):
                key, (value, before) = self.frame[one].iloc[row], self.frame[other].iloc[[row, first]]
                said = f"target {key} is" if one == "target" else f"{key!r} has target"
                problems.add(self.table.mark(row), f"{said} {value!r} here and {before!r} in {self.table.mark(first)}")


def first_rows(keys: ArrayLike) -> NDArray[np.int64]:
    """For each row the first row with its key: int64 ``(n,)``."""
    codes, _ = pd.factorize(np.asarray(keys), use_na_sentinel=False)
    firsts: NDArray[np.int64] = np.unique(codes, return_index=True)[1]
    return firsts[codes]


def contradictions(keys: pd.Series[Any], values: pd.Series[Any]) -> list[tuple[int, int]]:
    """Rows whose key has another value in the key's first row, each with that row; missing ones contradict nothing."""
    first = first_rows(keys)
    there = ~keys.isin(["", -1]).to_numpy() & ~values.isin(["", -1]).to_numpy()
    other = values.to_numpy() != values.to_numpy()[first]
    return [(row, int(first[row])) for row in np.flatnonzero(other & there & there[first]).tolist()]


def target_gaps(targets: ArrayLike) -> str:
    """What is wrong with targets that are not 0 to n-1 without gaps, as a sentence; empty when they are."""
    there = set(np.unique(np.asarray(targets)).tolist())
    last = max(there, default=-1)
    missing = last + 1 - len(there)
    if not missing:
        return ""
    few = [target for target in range(min(last, len(there) + 10)) if target not in there][:10]
    shown = ", ".join(map(str, few)) + (", ..." if missing > len(few) else "")
    return f"targets go up to {last}, but no row has {shown}: number the people from 0 without gaps"


def read_rows(path: Path, problems: Problems, fields: Sequence[str], required: Sequence[str] = ("path",)) -> Table:
    """The rows of a CSV of faces as text; every declared column may be there, those of ``fields`` are kept.

    Raises:
        UsageError: the file cannot be read, or its header does not fit.
    """
    needed, wanted = columns_of(*required), columns_of(*fields)
    return read_table(path, needed, wanted, [name for name in FACE_COLUMNS if name not in wanted], problems)


def read_faces(path: Path, problems: Problems, fields: Sequence[str], required: Sequence[str] = ("path",)) -> FaceTable:
    """A CSV of faces.

    Args:
        path: of the file.
        problems: collects cells that cannot be read, landmarks that coincide and boxes without area.
        fields: what is read, ``landmarks`` and ``box`` among them; other declared columns are ignored.
        required: those of ``fields`` that must be there.

    Raises:
        UsageError: the file cannot be read, or its header does not fit.
    """
    table = read_rows(path, problems, fields, required)
    landmarks = read_points(table, problems) if "landmarks" in fields else None
    boxes = read_boxes(table, problems) if "box" in fields else None
    return FaceTable(table, read_frame(table, fields, problems), landmarks, boxes)


def read_frame(table: Table, fields: Sequence[str], problems: Problems) -> pd.DataFrame:
    """Those of ``fields`` that are single columns of the table, each by its reader."""
    names = [name for name in fields if name in table]
    return pd.DataFrame({name: FACE_COLUMNS[name].values(table, name, problems) for name in names}, range(len(table)))


def read_points(table: Table, problems: Problems) -> NDArray[np.float64] | None:
    """The landmark columns of a table as float64 ``(n, 5, 2)``, NaN where broken; None when it has none of them.

    Raises:
        UsageError: it has some of the columns only.
    """
    values = _read_numbers(table, LANDMARK_COLUMNS, problems)
    if values is None:
        return None
    points = values.reshape(-1, 5, 2)
    for row in np.flatnonzero(np.ptp(points, axis=1).max(1) < 1.0).tolist():
        problems.add(table.mark(row), "the five landmarks coincide")
        points[row] = np.nan
    return points


def read_boxes(table: Table, problems: Problems) -> NDArray[np.float64] | None:
    """The box columns of a table as float64 ``(n, 4)``; None when it has none of them.

    Raises:
        UsageError: it has some of the columns only.
    """
    boxes = _read_numbers(table, BOX_COLUMNS, problems)
    if boxes is not None:
        for row in np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(1)).tolist():
            problems.add(table.mark(row), "the box x1,y1,x2,y2 has no area")
    return boxes


def _read_numbers(table: Table, names: Sequence[str], problems: Problems) -> NDArray[np.float64] | None:
    there = [name for name in names if name in table]
    if not there:
        return None
    if missing := [name for name in names if name not in table]:
        raise UsageError(f"{table.path}:1: columns {', '.join(there)} need {', '.join(missing)} as well")
    columns = [FACE_COLUMNS[name].values(table, name, problems) for name in names]
    values = np.stack(columns, axis=1).astype(np.float64)
    values[~np.isfinite(values).all(1)] = np.nan
    return values
