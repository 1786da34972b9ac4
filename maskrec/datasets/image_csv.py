"""A training set named in a CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import Context
from maskrec.contracts.problem import Problems
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.datasets.batch_reading import read_into
from maskrec.datasets.options import canvas_of
from maskrec.images.face_table import FaceTable, read_faces, target_gaps
from maskrec.images.landmarks_file import read_landmarks
from maskrec.images.photos import Photos

_FIELDS = ("path", "target", "identity", "masked", "landmarks", "box")


class ImageCsv:
    """Photos named in a CSV with columns ``path,target``, as the reference has them.

    Optional columns: the five landmarks (``left_eye_x``, ``left_eye_y``, ``right_eye_x``, ..., ``nose_x``, ...,
    ``mouth_left_x``, ..., ``mouth_right_y``) and the detector's box (``x1,y1,x2,y2``) in pixels of the photo as a
    viewer shows it (EXIF orientation applied); ``masked`` (0 or 1: the face already wears a mask); ``identity`` (the
    person's name). ``mask_type`` (its mask type), ``score``, ``source``, ``split`` and ``note`` are ignored; any other
    column is an error.

    The backbone's ``input_spec.alignment`` decides how faces are placed on the canvas. **Without landmarks the photos
    are treated as already aligned**: the middle square is cropped and resized, for ``box`` the whole photo stretched.

    When opened, all rows are checked and all problems are listed at once: rows that cannot be read, files that are
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
        problems = Problems()
        faces = read_faces(path, problems, _FIELDS, ("path", "target"))
        base = path.parent if root is None else root
        paths = faces.places(base)
        faces.check_twice(paths, problems)
        faces.check_files(paths, problems)
        faces.check_people(problems)
        if not (faces.frame["target"] < 0).any() and (gaps := target_gaps(faces.frame["target"])):
            problems.add(path, gaps)
        points, boxes = faces.landmarks, faces.boxes
        if landmarks is not None and points is not None:
            problems.add(landmarks, f"{path} already has landmark columns: use one or the other")
        elif landmarks is not None:
            points, boxes = read_landmarks(landmarks, base, problems).of(paths, problems, absent_reported=True)
        problems.raise_errors(str(path))
        self.labels: list[int] = faces.frame["target"].tolist()
        self.num_classes = max(self.labels) + 1
        self.identities = _names(faces) if "identity" in faces.frame else None
        self.masked = faces.masked()
        self.has_landmarks = points is not None
        self._photos = Photos(paths, canvas_of(image_size), context.alignment, points, boxes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        """One sample; UsageError with the path when its photo does not decode."""
        return self._photos.open(index, self.labels[index], bool(self.masked[index]))

    def read_into(self, indices: Sequence[int], images: NDArray[np.uint8]) -> SampleColumns:
        """Write the samples' images into ``images`` and return their columns; see ``contracts.protocols.Dataset``."""
        return read_into(
            self.__getitem__, self.labels, self._photos.aligner, self._photos.put, indices, images, self.masked
        )

    def read_stored(self, index: int) -> bytes:
        """The bytes of a sample's file or record, not decoded; UsageError with the path when they cannot be read."""
        return self._photos.stored(index)


def _names(faces: FaceTable) -> list[str]:
    """Each target's identity, by target."""
    return faces.frame.drop_duplicates("target").sort_values("target")["identity"].tolist()
