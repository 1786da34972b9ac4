"""Who is enrolled in a gallery and who is searched for: a fixed choice from photos of people, with nothing drawn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.metrics.comparison_tiles import Indices

Wearing = Literal["bare", "masked", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """Images that are enrolled, and images that are searched with; the rest is left out.

    Args:
        enrolled: int64 ``(g,)``, places in the caller's arrays.
        probes: int64 ``(p,)``; none is of an enrolled photo.
    """

    enrolled: Indices
    probes: Indices


def enrol(
    people: Indices, photos: Indices, masked: NDArray[np.bool_], gallery: Wearing, probes: Wearing, most: int
) -> Enrolment:
    """Enrol up to ``most`` photos of each person and search with the images of the others.

    Of each person the photos with the lowest numbers are enrolled, those only that have an image as ``gallery`` asks.
    A person whose images ``probes`` asks for are all of photos that would be enrolled keeps the last of these photos as
    a probe, where there are two: so who has two photos is both enrolled and searched for. Who has one is enrolled.

    Args:
        people: int64 ``(n,)``, who each image shows.
        photos: int64 ``(n,)``, the photo that it was made from.
        masked: bool ``(n,)``.
        gallery: which images of an enrolled photo are enrolled.
        probes: which images of the other photos are searched with.
        most: photos of a person, at least 1.

    Raises:
        ValueError: ``most`` below 1.
    """
    if most < 1:
        raise ValueError(f"at least one photo of a person is enrolled, not {most}")
    kept, asked = _wearing(masked, gallery), _wearing(masked, probes)
    chosen = np.zeros(len(people), np.bool_)
    order = np.lexsort((photos, people))
    ends = np.flatnonzero(np.diff(people[order], prepend=-1, append=-1)) if len(order) else np.zeros(1, np.int64)
    for start, stop in pairwise(ends.tolist()):
        mine = order[start:stop]
        able = np.unique(photos[mine[kept[mine]]])[:most]
        searched = np.unique(photos[mine[asked[mine]]])
        while len(able) > 1 and searched.size and not np.setdiff1d(searched, able).size:
            able = able[:-1]
        chosen[mine] = np.isin(photos[mine], able)
    return Enrolment(np.flatnonzero(chosen & kept), np.flatnonzero(~chosen & asked))


def _wearing(masked: NDArray[np.bool_], which: Wearing) -> NDArray[np.bool_]:
    return np.ones(len(masked), np.bool_) if which == "both" else masked == (which == "masked")
