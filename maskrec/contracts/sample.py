"""One face and a batch of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(slots=True)
class Sample:
    """What a dataset returns for one index.

    Args:
        image: uint8 RGB ``(3, H, W)``, already on the canvas of ``image_size`` pixels; in memory by plane or by pixel
            (``permute(2, 0, 1)`` of what a decoder gives), the same for all samples of a data set, which is fastest.
        label: identity index from 0, or -1 where identities have no index (pair sets).
        landmarks: float32 ``(5, 2)``: left eye, right eye, nose, left and right mouth corner as the viewer sees them,
            x and y in pixels of the canvas (the centre of the top left pixel is 0, 0); None where unknown.
        masked: whether the face already wears a mask.
        path: where it came from, for messages.
    """

    image: Tensor
    label: int
    landmarks: Tensor | None
    masked: bool
    path: str


@dataclass(slots=True)
class SampleColumns:
    """What a data set returns for samples whose images it has written to the given memory.

    Args:
        labels: int64 ``(B,)``.
        landmarks: float32 ``(B, 5, 2)``, or None where unknown.
        masked: bool ``(B,)``.
    """

    labels: NDArray[np.int64]
    landmarks: NDArray[np.float32] | None
    masked: NDArray[np.bool_]


@dataclass(slots=True)
class Batch:
    """A batch on the device; transforms return it with fields replaced (``dataclasses.replace``).

    Args:
        images: float32 RGB ``(B, 3, H, W)`` in [0, 1].
        clean: uint8 RGB ``(B, 3, H, W)``: the same faces after geometric transforms, before anything hides them.
        labels: int64 ``(B,)``.
        landmarks: float32 ``(B, 5, 2)``, moved with the pixels, or None.
        masked: bool ``(B,)``.
        indices: int64 ``(B,)``, the samples' indices in the data set.
        epoch: from 0.
        step: optimizer steps finished before this batch.
        positions: int64 ``(B,)``, the samples' positions in the global epoch; None in a batch made by hand.
    """

    images: Tensor
    clean: Tensor
    labels: Tensor
    landmarks: Tensor | None
    masked: Tensor
    indices: Tensor
    epoch: int
    step: int
    positions: Tensor | None = None
