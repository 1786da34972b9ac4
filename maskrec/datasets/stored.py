"""The common part of data sets over large files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import Context
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.datasets.batch_reading import read_into
from maskrec.datasets.options import canvas_of
from maskrec.images.packed.face_store import FaceStore


class StoredFaces:
    """A store as a data set.

    Args:
        store: the faces.
        context: the runner's.
        image_size: side of the canvas in pixels.
    """

    def __init__(self, store: FaceStore, context: Context, image_size: int) -> None:
        self._store, self._aligner = store, store.planned(canvas_of(image_size), context.alignment)
        index = store.index
        self.labels: Sequence[int] = index.entries["label"].tolist()
        self.num_classes = len(index.identities)
        self.has_landmarks = index.landmarks is not None
        self.identities = names_or_none(index.identities)
        self.masked = index.entries["masked"].astype(np.bool_)
        self.shards: NDArray[np.int64] = index.entries["file"].astype(np.int64)

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, index: int) -> Sample:
        """One sample; UsageError with its place when it cannot be read."""
        return self._store.sample(index, self._aligner)

    def read_into(self, indices: Sequence[int], images: NDArray[np.uint8]) -> SampleColumns:
        """Write the samples' images into ``images`` and return their columns; see ``contracts.protocols.Dataset``."""
        return read_into(self.__getitem__, self.labels, self._aligner, self._put, indices, images, self.masked)

    def read_stored(self, index: int) -> bytes:
        """The bytes of a sample's file or record, not decoded; UsageError when they cannot be read."""
        return self._store.read(index)

    def _put(self, indices: Sequence[int], space: NDArray[np.uint8]) -> Iterator[bool]:
        return self._store.put(indices, self._aligner, space)


def names_or_none(identities: Sequence[str]) -> list[str] | None:
    """Names of people; None where they are only numbers, which mean nothing outside of their set."""
    return None if all(name.isdigit() for name in identities) else list(identities)
