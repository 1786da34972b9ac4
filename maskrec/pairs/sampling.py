"""Sampling of pairs of photos of numbered people, balanced over people: numbers only, no images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import torch

from maskrec.base.random import SeededDraws
from maskrec.base.turns import in_turns, meet_in_rounds


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pairs as indices of photos (person by person, ``photos`` of each).

    Args:
        left: indices of the first photos.
        right: of the second ones.
        same: whether both are one person.
        fold: 0 without folds.
    """

    left: list[int]
    right: list[int]
    same: list[bool]
    fold: list[int]


def too_many(people: int, photos: int, pairs: int, folds: int) -> str:
    """Why so many pairs cannot be drawn without repetition, as a sentence; empty when they can."""
    if people < 2 * folds:
        return f"{people} people do not make {folds} folds of at least 2 people; use fewer folds or more identities"
    smallest = people // folds
    rounds = ceil(ceil(pairs / 2 / folds) / smallest)
    if rounds > photos * (photos - 1) // 2 or 2 * ceil(rounds / (smallest - 1)) > photos**2:
        return f"{people} people with {photos} photos each do not have {pairs} different pairs; use more of them"
    return ""


def draw_pairs(people: int, photos: int, pairs: int, folds: int, seed: int) -> Drawn:
    """``pairs`` different pairs, half of one person, spread evenly over folds and over each fold's own people.

    Args:
        people: number of people, numbered from 0; at least 2 per fold.
        photos: of each, at least 2.
        pairs: even; at most what ``too_many`` allows.
        folds: at least 1.
        seed: same seed, same pairs.
    """
    drawn = Drawn([], [], [], [])
    for fold in range(folds):
        crowd = range(fold * people // folds, (fold + 1) * people // folds)
        count = (fold + 1) * (pairs // 2) // folds - fold * (pairs // 2) // folds
        order = [crowd[place] for place in _shuffled(seed, f"people {fold}", len(crowd))]
        for same, found in ((True, _same(order, photos, count, seed)), (False, _different(order, photos, count, seed))):
            for left, right in found:
                drawn.left.append(left)
                drawn.right.append(right)
                drawn.same.append(same)
                drawn.fold.append(fold)
    return drawn


def _draws(seed: int, *numbers: int) -> SeededDraws:
    return SeededDraws(seed, 0, "synthetic pairs", torch.tensor(numbers, dtype=torch.int64))


def _shuffled(seed: int, name: str, count: int, number: int = 0) -> list[int]:
    """A permutation of 0 to ``count - 1``."""
    order: list[int] = _draws(seed, number).permutations(name, count)[0].tolist()
    return order


def _same(order: list[int], photos: int, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Two photos of one person, people in turn, each person's photo pairs in an order of its own."""
    choices = [(one, other) for one in range(photos) for other in range(one)]
    queues = [
        [(person, choices[place]) for place in _shuffled(seed, "photos", len(choices), person)] for person in order
    ]
    swaps = _draws(seed, order[0]).integers("swap", 0, 2, (count,))[0].tolist()
    for (person, pair), swap in zip(in_turns(queues, count), swaps, strict=True):
        one, other = pair[:: -1 if swap else 1]
        yield person * photos + one, person * photos + other


def _different(order: list[int], photos: int, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Photos of two people: in each round everybody is on the left once and on the right once."""
    shifts = [shift + 1 for shift in _shuffled(seed, "shifts", len(order) - 1, order[0])]
    starts = _draws(seed, order[0]).integers("combinations", 0, photos * photos, (count,))[0].tolist()
    sizes = dict.fromkeys(order, photos)
    for left, right, one, other in meet_in_rounds(order, shifts, sizes, sizes, starts, alike=True):
        yield left * photos + one, right * photos + other
