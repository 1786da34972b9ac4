"""The form in which metrics take their pairs: one array of distances per class."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def distances_of_both(same: ArrayLike, different: ArrayLike) -> tuple[Floats, Floats]:
    """Both arrays as float64.

    Raises:
        ValueError: an array that is not one-dimensional, is empty or holds something that is not finite.
    """
    return _distances("same", same), _distances("different", different)


def _distances(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"the distances of the {name} pairs must be one-dimensional, not of shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"there are no {name} pairs; at least one same and one different pair are needed")
    broken = array.size - int(np.count_nonzero(np.isfinite(array)))
    if broken:
        raise ValueError(f"{broken} of the {array.size} distances of {name} pairs are not finite numbers")
    return array
