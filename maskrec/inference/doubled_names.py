"""People of the evaluation pairs who seem to be one person under two names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskrec.inference.pooled_images import PooledImages
from maskrec.metrics import normalise

_BLOCK = 2048
_SHARE = 0.05  # of the people: where more are that near, the network does not tell people apart
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class DoubledName:
    """Two names of one face.

    Args:
        one, other: the names.
        distance: L2 between the unit means of their bare embeddings.
    """

    one: str
    other: str
    distance: float


def doubled_names(pool: PooledImages) -> list[DoubledName]:
    """Pairs of names whose bare faces are nearer to each other than half of one person's photos are, nearest first.

    Such a pair is either one person or a real confusion; both make the tail of the impostors' distances, so somebody
    should look. Nothing is returned where so many are that near that the network cannot tell people apart.
    """
    bare = np.flatnonzero(~pool.masked)
    if len(bare) == 0 or not pool.embeddings[bare].any(1).all():
        return []
    rows, people = normalise(pool.embeddings[bare]), pool.people[bare]
    typical = _typical_genuine(rows, people, pool.photos[bare])
    if typical is None:
        return []
    there = np.unique(people)
    sums = np.zeros((len(pool.names), rows.shape[1]))
    np.add.at(sums, people, rows)
    means = sums[there]
    lengths = np.linalg.norm(means, axis=1)
    means = means[lengths > 0] / lengths[lengths > 0, None]
    found = [
        DoubledName(pool.names[there[one]], pool.names[there[other]], distance)
        for one, other, distance in _nearer(means, typical)
    ]
    involved = {name for each in found for name in (each.one, each.other)}
    if len(involved) > max(_FEWEST, _SHARE * len(there)):
        return []
    return sorted(found, key=lambda each: each.distance)


def _typical_genuine(rows: NDArray[np.float64], people: NDArray[np.int64], photos: NDArray[np.int64]) -> float | None:
    """The median distance of neighbouring photos of one person; None where nobody has two."""
    order = np.lexsort((photos, people))
    same = (people[order][1:] == people[order][:-1]) & (photos[order][1:] != photos[order][:-1])
    if not same.any():
        return None
    gaps = rows[order][1:][same] - rows[order][:-1][same]
    return float(np.median(np.linalg.norm(gaps, axis=1)))


def _nearer(means: NDArray[np.float64], limit: float) -> Sequence[tuple[int, int, float]]:
    """Pairs of rows nearer than ``limit``, each once; the matrix of distances in blocks."""
    least = 1.0 - limit * limit / 2.0  # the cosine of unit vectors at that distance
    found: list[tuple[int, int, float]] = []
    for top in range(0, len(means), _BLOCK):
        for side in range(top, len(means), _BLOCK):
            cosines = means[top : top + _BLOCK] @ means[side : side + _BLOCK].T
            for one, other in np.argwhere(cosines > least):
                if one + top < other + side:
                    gap = float(np.sqrt(max(0.0, 2.0 - 2.0 * cosines[one, other])))
                    found.append((int(one) + top, int(other) + side, gap))
    return found
