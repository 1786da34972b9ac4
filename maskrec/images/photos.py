"""Photos named in files: their places, landmarks and boxes, checked all at once; opened one by one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import Alignment
from maskrec.contracts.sample import Sample
from maskrec.images.aligner import Aligner
from maskrec.images.decoding import decode_into, read_bytes, read_image
from maskrec.images.face_table import Faults, Table, number, read_table

LANDMARK_COLUMNS = tuple(
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
)
BOX_COLUMNS = ("x1", "y1", "x2", "y2")
IGNORED_COLUMNS = ("score", "source", "split", "note")
_OF_FACES = ("target", "identity", "masked", "mask_type")  # in a faces.csv, which is a landmarks file too


class Photos:
    """Existing photos, each placed on the canvas when it is opened; can be pickled for loader workers.

    Args:
        paths: of the files.
        size: of the canvas in pixels.
        alignment: how faces are placed on it; see ``images.canvas.to_canvas``.
        landmarks: float64 ``(n, 5, 2)`` in pixels of each photo as the viewer sees it, or None.
        boxes: float64 ``(n, 4)`` left, top, right, bottom, or None.
    """

    def __init__(
        self,
        paths: Sequence[str],
        size: int,
        alignment: Alignment,
        landmarks: NDArray[np.float64] | None = None,
        boxes: NDArray[np.float64] | None = None,
    ) -> None:
        self.paths, self.aligner = paths, Aligner(size, alignment, landmarks, boxes)

    def __len__(self) -> int:
        return len(self.paths)

    def open(self, index: int, label: int, masked: bool) -> Sample:
        """One photo on the canvas.

        Raises:
            UsageError: the file is not an image, or its landmarks do not fit it; with the path.
        """
        path = self.paths[index]
        return self.aligner.sample(read_image(path), index, label, masked, path)

    def put(self, indices: Sequence[int], space: NDArray[np.uint8]) -> Iterator[bool]:
        """Write photos into their rows of ``space``; returns whether each was written as it is, a JPEG that fills it.

        Args:
            indices: which photos.
            space: uint8 ``(n, H, W, 3)``, contiguous.
        """
        for index, row in zip(indices, space, strict=True):
            yield self.aligner.is_aligned(index) and self._into(index, row)

    def _into(self, index: int, space: NDArray[np.uint8]) -> bool:
        try:
            return decode_into(read_bytes(self.paths[index]), space)
        except OSError:
            return False


def file_fault(path: str) -> str | None:
    """Why a file cannot be an image, without opening it; None when it may be one."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path for every photo of a large set takes seconds
    except (OSError, ValueError) as error:
        return "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    return None if status.st_size else "the file is empty (0 bytes)"


@lru_cache(maxsize=64)
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def place_of(root: Path, name: str) -> str:
    """A photo's place: ``name`` below ``root`` (whose links are followed), or where it says when absolute."""
    return os.path.normpath(os.path.join(_real(root), name))  # noqa: PTH118 - likewise


def read_points(table: Table, faults: Faults) -> NDArray[np.float64] | None:
    """The ten landmark columns of a table as ``(n, 5, 2)``; None when it has none of them; faults are recorded."""
    values = _read_numbers(table, LANDMARK_COLUMNS, faults)
    if values is None:
        return None
    points = values.reshape(-1, 5, 2)
    spread = np.ptp(points, axis=1).max(1)
    for row in np.flatnonzero(spread < 1.0):
        faults.add(table.place(int(row)), "the five landmarks coincide")
    return points


def read_boxes(table: Table, faults: Faults) -> NDArray[np.float64] | None:
    """The four box columns of a table as ``(n, 4)``; None when it has none of them; faults are recorded."""
    boxes = _read_numbers(table, BOX_COLUMNS, faults)
    if boxes is not None:
        for row in np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(1)):
            faults.add(table.place(int(row)), "the box x1,y1,x2,y2 has no area")
    return boxes


def _read_numbers(table: Table, names: Sequence[str], faults: Faults) -> NDArray[np.float64] | None:
    there = [name for name in names if name in table]
    if not there:
        return None
    if missing := [name for name in names if name not in table]:
        raise UsageError(f"{table.path}:1: columns {', '.join(there)} need {', '.join(missing)} as well")
    values = np.empty((len(table), len(names)))
    for column, name in enumerate(names):
        for row, text in enumerate(table.columns[name]):
            value = number(text)
            if value is None:
                faults.add(table.place(row), f"{name} is {text!r}, not a number")
            # The value of a faulty cell is never used; a valid placeholder keeps the fault from being reported twice.
            values[row, column] = float(column) * 10.0 if value is None else value
    return values


@dataclass(frozen=True, slots=True)
class Landmarks:
    """A CSV of ``path``, five points and optionally a box; ``rows`` gives a photo's row."""

    path: Path
    rows: dict[str, int]
    points: NDArray[np.float64]
    boxes: NDArray[np.float64] | None

    def of(self, photos: Sequence[str], faults: Faults) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Points and boxes of these photos; photos that it does not list are faults."""
        rows = np.array([self.rows.get(photo, -1) for photo in photos], dtype=np.int64)
        for photo in np.flatnonzero(rows < 0):
            faults.add(photos[int(photo)], f"no landmarks for it in {self.path}; `maskrec data align` finds them")
        return self.points[rows], None if self.boxes is None else self.boxes[rows]


def read_landmarks(path: Path, root: Path, faults: Faults) -> Landmarks:
    """A landmarks file: ``path,left_eye_x,...,mouth_right_y`` and optionally ``x1,y1,x2,y2``.

    Its paths are absolute, or relative to its own folder or to ``root``: both are tried for a photo. A ``faces.csv`` is
    such a file; its identities are not read.

    Raises:
        UsageError: the file cannot be read or its header does not fit.
    """
    table = read_table(path, ("path", *LANDMARK_COLUMNS), BOX_COLUMNS, (*IGNORED_COLUMNS, *_OF_FACES), faults)
    points, boxes = read_points(table, faults), read_boxes(table, faults)
    assert points is not None
    rows: dict[str, int] = {}
    for base in (root, path.parent):  # its own folder wins where both match
        found: set[str] = set()
        for row, name in enumerate(table.columns["path"]):
            place = place_of(base, name)
            if place in found and base == path.parent:
                faults.add(table.place(row), f"a second row for {name}")
            found.add(place)
            rows[place] = row
    return Landmarks(path, rows, points, boxes)
