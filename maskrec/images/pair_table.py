"""CSV files of pairs: the photos of both sides in columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import Table, read_table
from maskrec.images.face_columns import PAIR_COLUMNS, SIDE_COLUMNS

REQUIRED = ("path", "target", "pair_path", "pair_target")


@dataclass(frozen=True, slots=True)
class PairTable:
    """The pairs of a file whose rows can be read.

    Args:
        table: all rows as text.
        rows: int64 ``(n,)``, the table's rows that can be read: the pairs.
        photos: both sides of each pair, left, right, left, right, ...: two rows a pair, a column for each of
            ``SIDE_COLUMNS`` that the file has for either side.
        condition: what each pair's column ``condition`` says; None without.
        fold: int64 ``(n,)``; None without.
    """

    table: Table
    rows: NDArray[np.int64]
    photos: pd.DataFrame
    condition: NDArray[np.object_] | None
    fold: NDArray[np.int64] | None


def read_pairs(path: Path, problems: Problems) -> PairTable:
    """A CSV of ``path,target,pair_path,pair_target`` and the other columns of ``PAIR_COLUMNS``.

    Rows with a cell that cannot be read are problems and left out.

    Raises:
        UsageError: the file cannot be read, or its header does not fit.
    """
    ignored = ("score", "source", "split", "note")
    optional = [name for name in PAIR_COLUMNS if name not in (*REQUIRED, *ignored)]
    table = read_table(path, REQUIRED, optional, ignored, problems)
    found = Problems()
    values = {name: PAIR_COLUMNS[name].values(table, name, found) for name in table.columns}
    problems.entries += found.entries
    bad = {problem.mark.line for problem in found.entries if problem.mark is not None}
    rows = np.flatnonzero([line not in bad for line in table.lines])
    sides = {
        name: np.stack([_side(values, side + name, len(table))[rows] for side in ("", "pair_")], axis=1).ravel()
        for name in SIDE_COLUMNS
        if name in table or f"pair_{name}" in table
    }
    condition, fold = values.get("condition"), values.get("fold")
    return PairTable(
        table,
        rows,
        pd.DataFrame(sides, range(2 * len(rows))),
        None if condition is None else condition[rows],
        None if fold is None else fold[rows].astype(np.int64),
    )


def _side(values: dict[str, NDArray[np.object_]], name: str, count: int) -> NDArray[np.object_]:
    """A column, or what stands in for it on the side that has none."""
    return values[name] if name in values else np.full(count, PAIR_COLUMNS[name].missing, PAIR_COLUMNS[name].dtype)
