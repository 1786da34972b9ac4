"""What explains that photos of two people are alike: a photo in the wrong place, one person twice, or chance.

Say b of Ann's photos is under the threshold with one of Bo's. By log odds, which add up over pairs of photos as if
these were independent:

- b is Bo's where b is likelier Bo's than Ann's (the mean of its odds with each of Bo's photos, over the mean with each
  of Ann's others: means, or the person with more photos would win), and Ann's others do not belong to Bo's and b.
- Ann and Bo are one person where the mean of the odds of all pairs of their photos is above 0.
- Otherwise it is chance.

A person's only photo cannot be taken away from them: that it is somebody else's looks the same as one person under two
names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import numpy as np

from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices

Odds = Callable[[Indices, Indices], Floats]
"""Log odds of each of some photos with each of others; with itself it does not count."""


class Explanation(NamedTuple):
    """Why photos of two people are alike.

    Args:
        wrong: the photo that is the other person's; None where no photo is.
        one_person: whether both are one person.
        log_odds: of a wrong photo its mean with the other person's photos less that with its own; else the mean of all
            pairs.
    """

    wrong: int | None
    one_person: bool
    log_odds: float


def explain(first: Indices, second: Indices, odds: Odds, doubted: Collection[int]) -> Explanation:
    """The likeliest explanation.

    Args:
        first: photos of one person, at least one.
        second: of the other.
        odds: as above.
        doubted: those of them that may be in the wrong place: under the threshold with the other person's.
    """
    across = odds(first, second)
    found = [*_moved(first, across, odds, doubted), *_moved(second, across.T, odds, doubted)]
    if found:
        return max(found, key=lambda each: each.log_odds)
    mean = float(across.mean())
    return Explanation(None, mean > 0, mean)


def _moved(photos: Indices, across: Floats, odds: Odds, doubted: Collection[int]) -> Iterator[Explanation]:
    """Photos of a person that are the other's.

    Args:
        photos: of the person.
        across: their odds with the other's photos.
        odds: as above.
        doubted: as above.
    """
    if len(photos) == 1:
        return
    among = odds(photos, photos)
    np.fill_diagonal(among, 0.0)
    gains = across.mean(axis=1) - among.sum(axis=1) / (len(photos) - 1)
    for place, photo in enumerate(photos.tolist()):
        others_join = float(among[place].sum() + np.delete(across, place, axis=0).sum()) > 0
        if photo in doubted and gains[place] > 0 and not others_join:
            yield Explanation(photo, False, float(gains[place]))


def parts_of(photos: Indices, alike: set[tuple[int, int]]) -> list[Indices]:
    """A person's photos in groups that no pair that is alike connects, the largest first.

    Args:
        photos: of the person, rising.
        alike: pairs of photos, the lower one first.
    """
    parts: list[list[int]] = []
    for photo in photos.tolist():
        mine = [part for part in parts if any((other, photo) in alike for other in part)]
        parts = [part for part in parts if part not in mine] + [sorted([photo, *(o for part in mine for o in part)])]
    return [np.array(part, np.int64) for part in sorted(parts, key=lambda part: (-len(part), part))]
