"""Landmarks in a file of their own, looked up by photo."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.problem import Problems
from maskrec.images.face_table import read_faces
from maskrec.images.photos import place_without_links

_MISSING, _ELSEWHERE = -1, -2  # stand for a photo's row


@dataclass(frozen=True, slots=True)
class Landmarks:
    """A CSV of ``path``, five points and optionally a box.

    Args:
        path: of the CSV.
        root: the folder of the photos.
        files: the file that each row's path names below the CSV's own folder.
        below: each row by the file that it names below ``root``.
        points: float64 ``(n, 5, 2)``, by row.
        boxes: float64 ``(n, 4)``, or None.
    """

    path: Path
    root: Path
    files: Sequence[str]
    below: Mapping[str, int]
    points: NDArray[np.float64]
    boxes: NDArray[np.float64] | None

    def of(
        self, photos: Sequence[str], problems: Problems, absent_reported: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Points and boxes of these photos; photos that it does not list are problems, and NaN.

        Args:
            photos: the path of each.
            problems: collects them.
            absent_reported: whether ``problems`` already has the photos whose files do not exist; they are then not
                reported a second time.
        """
        rows = self.rows_of(photos, problems)
        missing = [photos[photo] for photo in np.flatnonzero(rows == _MISSING).tolist()]
        if absent_reported:
            missing = [photo for photo in missing if os.path.lexists(photo)]
        if len(missing) > max(1, len(photos) // 2):
            problems.add(
                self.path,
                f"it has no landmarks for {len(missing):,} of {len(photos):,} photos, such as {missing[0]}; "
                f"{self._names()}`maskrec data align` finds landmarks",
            )
            missing = []
        for photo in missing:
            problems.add(photo, f"no landmarks for it in {self.path}; `maskrec data align` finds them")
        return _picked(self.points, rows), None if self.boxes is None else _picked(self.boxes, rows)

    def rows_of(self, photos: Sequence[str], problems: Problems) -> NDArray[np.int64]:
        """Each photo's row, below 0 where it is missing.

        A row belongs to one file. Where its path names a file beside the CSV, such as the aligned face in the folder of
        a ``faces.csv``, it says nothing of a photo of the same name below ``root``; that is one problem for all. Links
        to folders and to files are followed on both sides.
        """
        beside = {file: row for row, file in enumerate(self.files)}
        rows = np.array([beside.get(photo, _MISSING) for photo in photos], np.int64)
        for number in np.flatnonzero(rows < 0).tolist():
            rows[number] = self._checked(self.below.get(photos[number], _MISSING), photos[number])
        if (rows < 0).any():
            folders: dict[str, str] = {}
            followed = {
                place_without_links(place, folders): row for place, row in [*self.below.items(), *beside.items()]
            }
            for number in np.flatnonzero(rows < 0).tolist():
                row = followed.get(place_without_links(photos[number], folders), _MISSING)
                rows[number] = self._checked(row, photos[number]) if row >= 0 else rows[number]
        if len(others := np.flatnonzero(rows == _ELSEWHERE)):
            example = self.files[self.below[photos[int(others[0])]]]
            problems.add(
                self.path,
                f"its rows belong to the files beside it, such as {example}, and not to the {len(others)} photos of "
                f"these names below {self.root}; use the files beside it, or a file with the photos' own landmarks",
            )
        return rows

    def _checked(self, row: int, photo: str) -> int:
        """The row, or that it belongs to another file than the photo."""
        return _ELSEWHERE if row >= 0 and _is_other_file(self.files[row], photo) else row

    def _names(self) -> str:
        """What the file's paths name, as the start of a sentence; nothing for a file without rows."""
        return f"its first path names {self.files[0]}; check its paths, or " if self.files else ""


def _picked(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    found = np.full((len(rows), *values.shape[1:]), np.nan)
    found[rows >= 0] = values[rows[rows >= 0]]
    return found


def _is_other_file(file: str, photo: str) -> bool:
    """Whether ``file`` exists and is not the photo itself under another path."""
    try:
        return not os.path.samestat(os.stat(file), os.stat(photo))  # noqa: PTH116 - a Path for every photo is slow
    except (OSError, ValueError):
        return os.path.lexists(file) and not os.path.lexists(photo)


def read_landmarks(path: Path, root: Path, problems: Problems) -> Landmarks:
    """A landmarks file: ``path,left_eye_x,...,mouth_right_y`` and optionally ``x1,y1,x2,y2``.

    Its paths are absolute, or relative to its own folder or to ``root``; a row whose path names a file below its own
    folder belongs to that file. A ``faces.csv`` is such a file; its identities are not read.

    Raises:
        UsageError: the file cannot be read or its header does not fit.
    """
    faces = read_faces(path, problems, ("path", "landmarks", "box"), ("path", "landmarks"))
    assert faces.landmarks is not None
    files = faces.places(path.parent)
    faces.check_twice(files, problems)
    below = {place: row for row, place in enumerate(faces.places(root))}
    return Landmarks(path, root, files, below, faces.landmarks, faces.boxes)
