"""A training set named in a CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import Context
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.datasets.batch_reading import read_into
from maskrec.datasets.options import alignment_of, canvas_of
from maskrec.images.face_table import Faults, Table, flag, names_of_targets, read_table, whole_number
from maskrec.images.photos import (
    BOX_COLUMNS,
    IGNORED_COLUMNS,
    LANDMARK_COLUMNS,
    Photos,
    file_fault,
    place_of,
    read_boxes,
    read_landmarks,
    read_points,
)


class ImageCsv:
    """Photos named in a CSV with columns ``path,target``, as the reference has them.

    Optional columns: the five landmarks (``left_eye_x``, ``left_eye_y``, ``right_eye_x``, ..., ``nose_x``, ...,
    ``mouth_left_x``, ..., ``mouth_right_y``) and the detector's box (``x1,y1,x2,y2``) in pixels of the photo as a
    viewer shows it (EXIF orientation applied); ``masked`` (0 or 1: the face already wears a mask); ``identity`` (the
    person's name). ``mask_type`` (its mask type), ``score``, ``source``, ``split`` and ``note`` are ignored; any other
    column is an error.

    The backbone's ``input_spec.alignment`` decides how faces are placed on the canvas. **Without landmarks the photos
    are treated as already aligned**: the middle square is cropped and resized.

    When opened, all rows are checked and all faults are listed at once: rows that cannot be read, files that are
    missing or empty, targets that are not 0 to n-1 without gaps, photos listed twice, broken landmarks. Whether a file
    decodes is only known when it is read.

    Args:
        path: the CSV, UTF-8.
        context: the runner's.
        image_size: side of the canvas in pixels.
        root: the folder that paths are relative to; by default the CSV's.
        landmarks: a CSV of ``path`` and the five landmarks (and optionally boxes), paths relative to its own folder or
            to ``root``, instead of landmark columns; every photo must be in it.

    Raises:
        UsageError: at opening, with everything wrong with the file; with the path, for a photo that does not decode.
    """

    def __init__(
        self, path: Path, context: Context, image_size: int, root: Path | None = None, landmarks: Path | None = None
    ) -> None:
        faults = Faults()
        table = read_table(
            path,
            ("path", "target"),
            (*LANDMARK_COLUMNS, *BOX_COLUMNS, "masked", "identity"),
            (*IGNORED_COLUMNS, "mask_type"),
            faults,
        )
        base = path.parent if root is None else root
        paths = [place_of(base, name) for name in table.columns["path"]]
        _check_files(table, paths, faults)
        self.labels = _read_labels(table, faults)
        self.num_classes = max(self.labels, default=-1) + 1
        self.identities = _read_identities(table, self.labels, faults)
        self._masked = _read_masked(table, faults)
        points, boxes = read_points(table, faults), read_boxes(table, faults)
        if landmarks is not None and points is not None:
            faults.add(landmarks, f"{path} already has landmark columns: use one or the other")
        elif landmarks is not None:
            points, boxes = read_landmarks(landmarks, base, faults).of(paths, faults)
        faults.stop_if_any(str(path))
        self.has_landmarks = points is not None
        self._photos = Photos(paths, canvas_of(image_size), alignment_of(context), points, boxes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        """One sample; UsageError with the path when its photo does not decode."""
        return self._photos.open(index, self.labels[index], bool(self._masked[index]))

    def read_into(self, indices: Sequence[int], images: NDArray[np.uint8]) -> SampleColumns:
        """Write the samples' images into ``images`` and return their columns; see ``contracts.protocols.Dataset``."""
        return read_into(
            self.__getitem__, self.labels, self._photos.aligner, self._photos.put, indices, images, self._masked
        )


def _check_files(table: Table, paths: Sequence[str], faults: Faults) -> None:
    first: dict[str, int] = {}
    for row, path in enumerate(paths):
        if not table.columns["path"][row]:
            faults.add(table.place(row), "the path is empty")
        elif (before := first.setdefault(path, row)) != row:
            faults.add(table.place(row), f"{path} is already in line {table.lines[before]}")
        elif fault := file_fault(path):
            faults.add(table.place(row), f"{path}: {fault}")


def _read_labels(table: Table, faults: Faults) -> list[int]:
    labels = []
    for row, text in enumerate(table.columns["target"]):
        label = whole_number(text)
        if label is None or label < 0:
            faults.add(table.place(row), f"target is {text!r}, not a whole number from 0")
        else:
            labels.append(label)
    if len(labels) == len(table) and labels:
        there = set(labels)
        gaps = sorted(set(range(min(max(there), len(there) + 100))) - there)
        if gaps:
            shown = ", ".join(map(str, gaps[:10])) + (
                ", ..." if len(gaps) > 10 or max(there) > len(there) + 100 else ""
            )
            faults.add(
                table.path,
                f"targets go up to {max(there)}, but no row has {shown}: number the people from 0 without gaps",
            )
    return labels


def _read_identities(table: Table, labels: Sequence[int], faults: Faults) -> list[str] | None:
    """Names by label; None without the column. One label has one name, one name one label."""
    if "identity" not in table or len(labels) != len(table):
        return None
    names = names_of_targets(table, labels, faults)
    return [names.get(label, "") for label in range(max(labels, default=-1) + 1)] if not faults.found else None


def _read_masked(table: Table, faults: Faults) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    masked = np.zeros(len(table), dtype=np.bool_)
    for row, text in enumerate(table.columns.get("masked", ())):
        value = flag(text)
        if value is None:
            faults.add(table.place(row), f"masked is {text!r}, not 0 or 1")
        else:
            masked[row] = value
    return masked
