"""Batches of faces, written to given memory with little work per face."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.images.aligner import Aligner


def read_into(
    samples: Callable[[int], Sample],
    labels: Sequence[int],
    aligner: Aligner,
    put: Callable[[Sequence[int], NDArray[np.uint8]], Iterable[bool]],
    indices: Sequence[int],
    images: NDArray[np.uint8],
    masked: NDArray[np.bool_] | None = None,
) -> SampleColumns:
    """Write the faces into ``images``; see ``Dataset.read_into``.

    Args:
        samples: gives the faces that ``put`` does not handle.
        labels: of all faces of the set.
        aligner: of the set's faces.
        put: writes faces that fill the canvas as they are stored; False for all others.
        indices: which faces.
        images: uint8 ``(B, H, W, 3)``.
        masked: bool, a value for every face of the set; None where no face is masked.

    Raises:
        UsageError: a face cannot be read.
    """
    rows = np.asarray(indices, dtype=np.int64)
    landmarks = aligner.points(rows)
    for row, (index, there) in enumerate(zip(indices, put(indices, images), strict=True)):
        if there:
            continue
        sample = samples(index)
        images[row] = sample.image.permute(1, 2, 0).numpy()
        if landmarks is not None and sample.landmarks is not None:
            landmarks[row] = sample.landmarks.numpy()
    worn = np.zeros(len(rows), np.bool_) if masked is None else masked[rows]
    return SampleColumns(np.array([labels[index] for index in indices], dtype=np.int64), landmarks, worn)
