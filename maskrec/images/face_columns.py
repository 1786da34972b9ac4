"""Every column that files of faces and of pairs may have, declared once with its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import Table, flag, number, whole_number

LANDMARK_COLUMNS = tuple(
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
)
BOX_COLUMNS = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True, slots=True)
class Column:
    """How the cells of a column are read.

    Args:
        read: a cell's value; None where it cannot be read.
        missing: the value that stands in for such a cell, beside the problem that is reported.
        expected: what a cell must be, for the message; "" where it must only not be empty.
    """

    read: Callable[[str], Any]
    missing: Any
    expected: str = ""

    def values(self, table: Table, name: str, problems: Problems) -> NDArray[Any]:
        """The values of a table's column ``name``; cells that cannot be read are problems."""
        cells = table.columns[name]
        values = [self.read(cell) for cell in cells]
        for row in [row for row, value in enumerate(values) if value is None] if None in values else ():
            said = f"{name} is {cells[row]!r}, not {self.expected}" if self.expected else f"the {name} is empty"
            problems.add(table.mark(row), said)
            values[row] = self.missing
        return np.array(values, self.dtype)

    @property
    def dtype(self) -> type:
        """Of its values in an array."""
        return object if isinstance(self.missing, str) else type(self.missing)


def _name(text: str) -> str | None:
    return text if text.strip() else None


def _from_zero(text: str) -> int | None:
    value = whole_number(text)
    return value if value is not None and value >= 0 else None


def _person(text: str) -> str | None:
    """A person's number in its shortest form, or a name; None for nothing and for numbers that are not whole."""
    text = text.strip()
    whole = whole_number(text)
    return str(whole) if whole is not None else text if text and number(text) is None else None


_NAME, _TEXT, _NUMBER = Column(_name, ""), Column(str.strip, ""), Column(number, float("nan"), "a number")
_WHOLE = Column(_from_zero, -1, "a whole number from 0")

# What a CSV of faces may say. score, split and note are for people, and read by nobody.
FACE_COLUMNS: Mapping[str, Column] = {
    "path": Column(lambda text: text or None, ""),
    "target": _WHOLE,
    "identity": _NAME,
    "source": Column(str, ""),
    **dict.fromkeys((*LANDMARK_COLUMNS, *BOX_COLUMNS), _NUMBER),
    "masked": Column(flag, False, "0 or 1"),
    "mask_type": _TEXT,
    **dict.fromkeys(("score", "split", "note"), _TEXT),
}
# What a CSV of pairs may say of each side (in ``path`` and ``pair_path``, ...), and of the pair.
SIDE_COLUMNS: Mapping[str, Column] = {
    "path": FACE_COLUMNS["path"],
    "target": Column(_person, "", "a whole number or a name"),
    "masked": FACE_COLUMNS["masked"],
    "mask_type": _TEXT,
    "identity": Column(str, ""),
    "photo": Column(str, ""),
}
PAIR_COLUMNS: Mapping[str, Column] = {
    **{side + name: column for name, column in SIDE_COLUMNS.items() for side in ("", "pair_")},
    "condition": _TEXT,
    "fold": _WHOLE,
    **dict.fromkeys(("score", "source", "split", "note"), _TEXT),
}
_GROUPS = {"landmarks": LANDMARK_COLUMNS, "box": BOX_COLUMNS}


def columns_of(*fields: str, known: Mapping[str, Column] = FACE_COLUMNS) -> tuple[str, ...]:
    """The columns of fields, in their order; ``landmarks`` has ten of them, ``box`` four, any other field is one.

    Raises:
        KeyError: the column is not declared.
    """
    names = tuple(name for one in fields for name in _GROUPS.get(one, (one,)))
    for name in names:
        known[name]
    return names


def landmark_cells(landmarks: Sequence[float]) -> dict[str, str]:
    """The ten landmark columns of a row, as they are written: to hundredths of a pixel."""
    return {name: f"{value:.2f}" for name, value in zip(LANDMARK_COLUMNS, landmarks, strict=True)}


def name_targets(targets: Sequence[int]) -> list[str]:
    """Names for numbers that sort as the numbers do: at least six digits."""
    digits = max(6, len(str(max(targets, default=0))))
    return [f"{target:0{digits}d}" for target in targets]
