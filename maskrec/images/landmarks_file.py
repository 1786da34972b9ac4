"""Landmarks in a file of their own, looked up by photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.problem import Problems
from maskrec.images.face_table import read_faces


@dataclass(frozen=True, slots=True)
class Landmarks:
    """A CSV of ``path``, five points and optionally a box; ``rows`` gives a photo's row."""

    path: Path
    rows: dict[str, int]
    points: NDArray[np.float64]
    boxes: NDArray[np.float64] | None

    def of(self, photos: Sequence[str], problems: Problems) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Points and boxes of these photos; photos that it does not list are problems."""
        rows = np.array([self.rows.get(photo, -1) for photo in photos], dtype=np.int64)
        for photo in np.flatnonzero(rows < 0).tolist():
            problems.add(photos[photo], f"no landmarks for it in {self.path}; `maskrec data align` finds them")
        return self.points[rows], None if self.boxes is None else self.boxes[rows]


def read_landmarks(path: Path, root: Path, problems: Problems) -> Landmarks:
    """A landmarks file: ``path,left_eye_x,...,mouth_right_y`` and optionally ``x1,y1,x2,y2``.

    Its paths are absolute, or relative to its own folder or to ``root``: both are tried for a photo. A ``faces.csv`` is
    such a file; its identities are not read.

    Raises:
        UsageError: the file cannot be read or its header does not fit.
    """
    faces = read_faces(path, problems, ("path", "landmarks", "box"), ("path", "landmarks"))
    assert faces.landmarks is not None
    faces.check_twice(faces.places(path.parent), problems)
    rows: dict[str, int] = {}
    for base in (root, path.parent):  # its own folder wins where both match
        rows.update((place, row) for row, place in enumerate(faces.places(base)))
    return Landmarks(path, rows, faces.landmarks, faces.boxes)
