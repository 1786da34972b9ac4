"""A training set in InsightFace's .rec file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import Context
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.datasets.batch_reading import read_into
from maskrec.datasets.options import canvas_of
from maskrec.images.aligner import Aligner
from maskrec.images.decoding import decode_image, decode_into
from maskrec.images.insightface.recordio import RecordFile


class ImageRecord:
    """The images of a ``.rec`` with its ``.idx``, the format of InsightFace's training sets; read without MXNet.

    Such images are already aligned and have no landmarks: the middle square is cropped and resized to the canvas; for a
    backbone aligned by ``box`` the whole image is stretched.
    Labels are the records', renumbered without gaps where some are missing (a set from which people were removed);
    names are unknown.

    Args:
        path: the ``.rec``.
        context: the runner's.
        image_size: side of the canvas in pixels.

    Raises:
        UsageError: when opened, the file is truncated or damaged, or labels are not whole numbers; an image does not
            decode, with its place.
    """

    has_landmarks = False
    identities = None

    def __init__(self, path: Path, context: Context, image_size: int) -> None:
        self._records = RecordFile(path)
        self._aligner = Aligner(canvas_of(image_size), context.alignment)
        people, labels = np.unique(self._records.identities(), return_inverse=True)
        self.labels: list[int] = labels.tolist()
        self.num_classes = len(people)
        self.masked = [False] * len(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        """One sample; UsageError with the file and its number when it cannot be read."""
        name = f"{self._records.path}:image {index}"
        pixels = decode_image(self._records[index][1], name)
        return self._aligner.sample(pixels, index, self.labels[index], masked=False, name=name)

    def read_into(self, indices: Sequence[int], images: NDArray[np.uint8]) -> SampleColumns:
        """Write the samples' images into ``images`` and return their columns; see ``contracts.protocols.Dataset``."""
        return read_into(self.__getitem__, self.labels, self._aligner, self._put, indices, images)

    def read_stored(self, index: int) -> bytes:
        """The bytes of a sample's file or record, not decoded; UsageError when they cannot be read."""
        return self._records[index][1]

    def _put(self, indices: Sequence[int], space: NDArray[np.uint8]) -> Iterator[bool]:
        for index, row in zip(indices, space, strict=True):
            yield decode_into(self._records[index][1], row)
