"""Photos that occur more than once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from maskrec.base.words import plain_name
from maskrec.preparation.checking.examining import DistinctPhotos, Examined
from maskrec.preparation.checking.near_duplicates import differing_bits, groups_of, near_pairs
from maskrec.preparation.face_sets import SetProblem


def find_duplicates(photos: DistinctPhotos, examined: Examined, most: int | None) -> Iterator[SetProblem]:
    """Photos of equal pixels, then photos that look alike, in groups.

    Two identities with one photo are an error, and so is one photo in two roles (training, test); within one identity
    both are warnings. Copies of one source under one name (a face and its masked copy) are intended and ignored.

    Args:
        photos: all photos.
        examined: the results of examining them.
        most: bits that hashes of near duplicates may differ in; None finds equal pixels only.
    """
    people = _People(photos)
    usable = np.flatnonzero(examined.usable)
    equal = _equal_groups(examined.digests, usable)
    for group in equal:
        yield from _group_problems(group, people, "the same photo", None)
    if most is None:
        return
    representatives = np.setdiff1d(usable, np.concatenate([group[1:] for group in equal]) if equal else [])
    pairs, _ = near_pairs(examined.hashes[representatives], most)
    pairs = representatives[pairs]
    meant = np.array([people.meant(left, right) for left, right in pairs.tolist()], np.bool_)
    pairs = pairs[~meant] if len(pairs) else pairs
    for group in groups_of(pairs, len(photos)):
        hashes = examined.hashes[group]
        furthest = int(differing_bits(hashes, np.broadcast_to(hashes[0], hashes.shape)).max())
        yield from _group_problems(group, people, "nearly the same photo", furthest)


def _equal_groups(digests: NDArray[np.uint64], usable: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = usable[np.lexsort(digests[usable].T)]
    ordered = digests[order]
    cuts = np.flatnonzero((ordered[1:] != ordered[:-1]).any(1)) + 1
    groups = np.split(order, cuts)
    return sorted((np.sort(group) for group in groups if len(group) > 1), key=lambda group: int(group[0]))


class _People:
    """The identity and role of each distinct photo, looked up only for those that are queried."""

    def __init__(self, photos: DistinctPhotos) -> None:
        self.photos = photos
        self.order = [np.argsort(numbers, kind="stable") for numbers in photos.numbers]
        self.sorted = [numbers[order] for numbers, order in zip(photos.numbers, self.order, strict=True)]

    def entries(self, number: int) -> list[tuple[int, int]]:
        """(set, entry) of every listing of a photo."""
        found = []
        for which, (numbers, order) in enumerate(zip(self.sorted, self.order, strict=True)):
            first, last = np.searchsorted(numbers, [number, number + 1])
            found += [(which, int(entry)) for entry in order[first:last]]
        return found

    def names(self, number: int) -> list[str]:
        """The identities of a photo, as its sets name them."""
        return [self.photos.sets[which].people[entry] for which, entry in self.entries(number)]

    def roles(self, number: int) -> set[str]:
        """What it is for."""
        return {role for which, _ in self.entries(number) if (role := self.photos.sets[which].role)}

    def source(self, number: int) -> str:
        """The photo that it was made from; "" where unknown."""
        faces, index = self.photos.sets[self.photos.owner[number]], int(self.photos.index[number])
        return faces.sources[index] if faces.sources is not None else ""

    def meant(self, left: int, right: int) -> bool:
        """Whether two photos are copies of one under one name, in roles that may share it."""
        source = self.source(left)
        if not source or source != self.source(right) or len(self.roles(left) | self.roles(right)) > 1:
            return False
        return len({plain_name(name) for name in self.names(left) + self.names(right)}) == 1


def _group_problems(group: NDArray[np.int64], people: _People, what: str, bits: int | None) -> Iterator[SetProblem]:
    numbers: Sequence[int] = group.tolist()
    if bits is None and len(numbers) > 1 and all(people.meant(numbers[0], other) for other in numbers[1:]):
        return
    names: dict[str, str] = {}
    for number in numbers:
        for name in people.names(number):
            names.setdefault(plain_name(name), name)
    roles = sorted(set().union(*(people.roles(number) for number in numbers)))
    places = tuple(people.photos.place(number) for number in numbers)
    value = None if bits is None else float(bits)
    kind = "duplicate" if bits is None else "near_duplicate"
    tail = "" if bits is None else f" (from the first, up to {bits} of 256 bits differ)"
    who = tuple(names.values())
    some = ", ".join(name or "somebody unknown" for name in who[:4]) + (", ..." if len(who) > 4 else "")
    if len(names) > 1:
        yield SetProblem.of(
            "error", f"{kind}_across", f"{what} under {len(who)} names: {some}{tail}", places, who, value
        )
    elif len(roles) > 1:
        yield SetProblem.of("error", f"{kind}_in_roles", f"{what} for {' and '.join(roles)}{tail}", places, who, value)
    else:
        message = f"{what} {len(numbers)} times under one name: {some}{tail}"
        yield SetProblem.of("warning", f"{kind}_within", message, places, who, value)
