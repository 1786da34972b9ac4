"""Distances between the embeddings of pairs, in float64."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.base.words import counted
from maskrec.metrics.arrays import Floats

Distance = Literal["l2", "squared_l2", "cosine"]

_PAIRS_AT_ONCE = 1024  # gathered rows of 512 numbers are 4 MB: they stay in the cache


def normalise(embeddings: ArrayLike) -> Floats:
    """Embeddings ``(n, d)`` scaled to unit length.

    Raises:
        ValueError: a shape other than ``(n, d)``, numbers that are not finite, or a vector of zeros, which has no
            direction.
    """
    rows = _rows(embeddings)
    scale = np.max(np.abs(rows), axis=1, initial=0.0)
    zeros = np.flatnonzero(scale == 0)
    if len(zeros):
        raise ValueError(
            f"{counted(len(zeros), 'embedding')} of {len(rows):,} {'is' if len(zeros) == 1 else 'are'} all zeros "
            f"(number {zeros[0]}{'' if len(zeros) == 1 else ' is the first'}), and zeros have no direction to compare; "
            "the network may be dead"
        )
    rows = rows / scale[:, None]  # no square below can overflow or vanish
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)  # type: ignore[no-any-return]


def pair_distances(
    embeddings: ArrayLike,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    distance: Distance = "l2",
    normalize: bool = True,
) -> Floats:
    """The distance of each pair, ``(n,)``.

    Args:
        embeddings: ``(images, d)``, each distinct image once.
        left: index of each pair's first image.
        right: index of each pair's second image.
        distance: ``l2`` (0 to 2 between unit vectors), ``squared_l2`` (0 to 4) or ``cosine`` (1 minus the cosine, 0
            to 2; always of unit vectors).
        normalize: whether embeddings are first scaled to unit length.

    Raises:
        ValueError: as in ``normalise``; an unknown distance; an index beyond the embeddings.
    """
    if distance not in ("l2", "squared_l2", "cosine"):
        raise ValueError(f"unknown distance {distance!r}; use l2, squared_l2 or cosine")
    rows = normalise(embeddings) if normalize or distance == "cosine" else _rows(embeddings)
    _check_indices(left, right, len(rows))
    squared = np.empty(len(left), dtype=np.float64)
    for first in range(0, len(left), _PAIRS_AT_ONCE):
        part = slice(first, first + _PAIRS_AT_ONCE)
        gap = rows[left[part]] - rows[right[part]]
        squared[part] = np.einsum("ij,ij->i", gap, gap)
    if distance == "squared_l2":
        return squared
    # |u - v|^2 / 2 is 1 - cos without its cancellation near 0
    return squared / 2 if distance == "cosine" else np.sqrt(squared)


def _rows(embeddings: ArrayLike) -> Floats:
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"embeddings must be an array (images, numbers), not of shape {rows.shape}")
    broken = len(rows) - int(np.count_nonzero(np.isfinite(rows).all(axis=1)))
    if broken:
        raise ValueError(
            f"{counted(broken, 'embedding')} of {len(rows):,} {'has' if broken == 1 else 'have'} numbers that are not "
            "finite; the training has diverged"
        )
    return rows


def _check_indices(left: NDArray[np.int64], right: NDArray[np.int64], images: int) -> None:
    if left.shape != right.shape or left.ndim != 1:
        raise ValueError(f"the pairs' two sides differ in shape: {left.shape} and {right.shape}")
    if len(left) and (min(left.min(), right.min()) < 0 or max(left.max(), right.max()) >= images):
        raise ValueError(f"a pair refers to an image beyond the {images} embeddings")
