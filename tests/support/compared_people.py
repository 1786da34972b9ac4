"""People with embeddings to compare, and all comparisons of them by plain loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics import Risk, count_risk, normalise


class People(NamedTuple):
    """Arguments of ``count_risk``."""

    embeddings: NDArray[np.float64]
    people: NDArray[np.int64]
    masked: NDArray[np.bool_]
    photos: NDArray[np.int64]


class Compared(NamedTuple):
    """One comparison."""

    condition: int
    first: int
    second: int
    distance: float


def some_people(people: int, photos: int, seed: int, size: int = 16, spread: float = 0.5) -> People:
    """Each person with as many photos, bare and masked, in random order; their numbers have gaps."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), photos)
    bare = rng.standard_normal((people, size))[who] + spread * rng.standard_normal((len(who), size))
    masked = bare + 0.3 * rng.standard_normal(bare.shape)
    order = rng.permutation(2 * len(who))
    return People(
        np.concatenate([bare, masked])[order],
        np.tile(3 * who + 5, 2)[order],
        np.repeat([False, True], len(who))[order],
        np.tile(np.arange(len(who)), 2)[order],
    )


def all_comparisons(given: People) -> list[Compared]:
    """Every comparison of two images that are not of one photo."""
    units = [row / np.sqrt(np.sum(row * row)) for row in np.asarray(given.embeddings, dtype=np.float64)]
    return [
        Compared(
            int(given.masked[i]) + int(given.masked[j]),
            int(given.people[i]),
            int(given.people[j]),
            float(np.sqrt(np.sum((units[i] - units[j]) ** 2))),
        )
        for i in range(len(units))
        for j in range(i + 1, len(units))
        if given.photos[i] != given.photos[j]
    ]


def people_risk(people: int, photos: int = 4, seed: int = 0) -> Risk:
    """Error rates of people whose photos lie near each other, all bare."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, 16))
    rows = np.repeat(centres, photos, axis=0) + 0.4 * rng.normal(size=(people * photos, 16))
    owners = np.repeat(np.arange(people), photos)
    return count_risk(normalise(rows), owners, np.zeros(len(rows), bool), np.arange(len(rows)))
