"""The images of several pair sets as one: each photo in each mask once, with its person, for counting error rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maskrec.base.words import plain_name
from maskrec.contracts.evaluation import Embed
from maskrec.contracts.image_origins import origins
from maskrec.contracts.pair_set import PairSet


class NamesDisagreeError(ValueError):
    """A photo has one person's name in one pair set and another's in another."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledImages:
    """Distinct images of people.

    Args:
        embeddings: float32 ``(n, d)``, before normalization.
        people: int64 ``(n,)``, index into ``names``.
        masked: bool ``(n,)``, whether the face wears a mask, drawn or its own.
        photos: int64 ``(n,)``; two images of one photo have one number.
        names: of the people, as first written.
    """

    embeddings: NDArray[np.float32]
    people: NDArray[np.int64]
    masked: NDArray[np.bool_]
    photos: NDArray[np.int64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.people)


def pool_images(pair_sets: Sequence[PairSet], embed: Embed) -> PooledImages | None:
    """The images of those sets that say who is on them; None where none does.

    An image that occurs in several sets, one photo in one type of mask, counts once, as the first set shows it.

    Args:
        pair_sets: evaluation pairs.
        embed: embeds their images; every process must call this.

    Raises:
        NamesDisagreeError: the sets give one photo two names.
        MaskrecError: an image that cannot be read, or embeddings that are not finite.
    """
    pool = _Pool()
    rows = []
    for pairs in pair_sets:
        if pairs.identities is not None:
            kept = list(pool.take(pairs, pairs.identities))
            rows.append(np.asarray(embed(pairs))[kept])
    if not pool.people:
        return None
    return PooledImages(
        np.concatenate(rows),
        np.array(pool.people, np.int64),
        np.array(pool.masked, np.bool_),
        np.array(pool.photos, np.int64),
        list(pool.names.values()),
    )


@dataclass(slots=True)
class _Pool:
    people: list[int] = field(default_factory=list)
    masked: list[bool] = field(default_factory=list)
    photos: list[int] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _photos: dict[str, int] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)
    _seen: set[tuple[str, str | None]] = field(default_factory=set)

    def take(self, pairs: PairSet, identities: Sequence[str]) -> Iterator[int]:
        """Take the images that are new; their indices in the set."""
        for index, (origin, kind) in enumerate(zip(origins(pairs), pairs.mask_types, strict=True)):
            name = plain_name(identities[index])
            self._hold_to_one(origin.photo, name)
            if (origin.photo, kind) in self._seen:
                continue
            self._seen.add((origin.photo, kind))
            self.names.setdefault(name, identities[index])
            self.people.append(self._numbers.setdefault(name, len(self._numbers)))
            self.photos.append(self._photos.setdefault(origin.photo, len(self._photos)))
            self.masked.append(kind is not None or origin.masked)
            yield index

    def _hold_to_one(self, photo: str, name: str) -> None:
        before = self._owners.setdefault(photo, name)
        if before != name:
            raise NamesDisagreeError(
                f"{photo} shows {before!r} in one set of the evaluation pairs and {name!r} in another; give the person "
                "one name"
            )
