"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being several, in their own order, each at most 1 (Holm 1979).

    Calling what is at most 0.05 calls nothing wrongly in at least 95 of 100 such families, whichever differences are
    real and however the tests depend on each other.
    """
    count = len(p_values)
    corrected, largest = [0.0] * count, 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda each: p_values[each])):
        largest = max(largest, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
