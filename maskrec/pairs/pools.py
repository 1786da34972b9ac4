"""Sampling of pairs of people with different numbers of photos, balanced over people: numbers only, no images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from maskrec.base.random import SeededDraws
from maskrec.base.turns import in_turns

_TRIES = 32


@dataclass(frozen=True, slots=True)
class Pools:
    """The photos that pairs are drawn from.

    Args:
        left: each person's photos for the left side, by number.
        right: for the right side; the same object as ``left`` where both sides come from one pool.
    """

    left: Sequence[Sequence[int]]
    right: Sequence[Sequence[int]]

    def combinations(self, person: int) -> list[tuple[int, int]]:
        """All pairs of two photos of one person."""
        left, right = self.left[person], self.right[person]
        if self.left is self.right:
            return [(one, other) for place, other in enumerate(left) for one in left[:place]]
        return [(one, other) for one in left for other in right]


def draw_same(pools: Pools, count: int, seed: int, what: str) -> list[tuple[int, int]]:
    """``count`` different pairs of one person: people in turn, each person's pairs in a separate random order.

    Args:
        pools: what to draw from.
        count: how many.
        seed: same seed and ``what``, same pairs.
        what: the name of the draw, also in messages.

    Raises:
        ValueError: there are not enough.
    """
    people = _shuffled(seed, f"{what}/people", len(pools.left))
    queues = {person: pools.combinations(person) for person in people}
    if (there := sum(map(len, queues.values()))) < count:
        raise ValueError(f"{what}: {there} pairs of one person exist, but {count} are needed; use fewer pairs or folds")
    orders = {person: _shuffled(seed, f"{what}/photos", len(queue), person) for person, queue in queues.items()}
    return in_turns([[queues[person][place] for place in orders[person]] for person in people], count)


def draw_different(pools: Pools, count: int, seed: int, what: str) -> list[tuple[int, int]]:
    """``count`` different pairs of two people: on the left people in turn, on the right any other person.

    Args:
        pools: what to draw from.
        count: how many.
        seed: same seed and ``what``, same pairs.
        what: the name of the draw, also in messages.

    Raises:
        ValueError: too few are found.
    """
    lefts = [person for person in _shuffled(seed, f"{what}/lefts", len(pools.left)) if pools.left[person]]
    rights = [person for person, photos in enumerate(pools.right) if photos]
    uniform = SeededDraws(seed, 0, f"{what}/different", torch.arange(count)).uniform("pair", (_TRIES, 3)).tolist()
    seen: set[frozenset[int]] = set()
    drawn: list[tuple[int, int]] = []
    for index in range(count):
        for left, right in _tries(pools, lefts, rights, index, uniform[index]):
            if frozenset((left, right)) not in seen:
                seen.add(frozenset((left, right)))
                drawn.append((left, right))
                break
        else:
            raise ValueError(f"{what}: cannot find {count} different pairs of two people; use fewer pairs or folds")
    return drawn


def _tries(
    pools: Pools, lefts: list[int], rights: list[int], index: int, uniform: list[list[float]]
) -> Iterator[tuple[int, int]]:
    for who, one, other in uniform:
        if not lefts or not rights:
            return
        person, partner = lefts[index % len(lefts)], rights[int(who * len(rights))]
        if person != partner:
            left, right = pools.left[person], pools.right[partner]
            yield left[int(one * len(left))], right[int(other * len(right))]


def _shuffled(seed: int, name: str, count: int, number: int = 0) -> list[int]:
    order: list[int] = SeededDraws(seed, 0, name, torch.tensor([number])).permutations("order", count)[0].tolist()
    return order


def split_people(people: int, folds: int, seed: int) -> list[list[int]]:
    """Assign people randomly to folds of about equal size."""
    order = _shuffled(seed, "folds", people)
    return [sorted(order[fold::folds]) for fold in range(folds)]
