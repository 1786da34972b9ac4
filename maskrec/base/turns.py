"""Drawing evenly: one of everybody before a second of anybody. What is random comes in as numbers and orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

Taken = TypeVar("Taken")


def in_turns(queues: Sequence[Sequence[Taken]], count: int) -> list[Taken]:
    """The first of every queue, then the second of every one that has a second, and so on; at most ``count``.

    Args:
        queues: in the order of their turns.
        count: 0 or more.
    """
    taken: list[Taken] = []
    turn = 0
    while len(taken) < count and any(turn < len(queue) for queue in queues):
        taken += [queue[turn] for queue in queues if turn < len(queue)]
        turn += 1
    return taken[:count]


def meet_in_rounds(
    order: Sequence[int],
    shifts: Sequence[int],
    left: Mapping[int, int] | Sequence[int],
    right: Mapping[int, int] | Sequence[int],
    starts: Sequence[int],
    alike: bool,
) -> Iterator[tuple[int, int, int, int]]:
    """Different pairs of two groups' members: in each round every group is once left and once right of another group.

    Args:
        order: a permutation of the groups' numbers.
        shifts: how far apart in ``order`` the two are, a round each, over and over; from 1 to ``len(order) - 1``.
        left: how many members of each group there are for the left.
        right: how many for the right.
        starts: a number a pair, 0 or more: which combination of members is tried first; then the next that is unused.
        alike: whether both sides have the same members, so that a pair and its mirror image are one pair.

    Yields:
        Left group, right group, left member, right member; as many as ``starts``, which must be possible.
    """
    used: dict[tuple[int, int], set[int]] = {}
    count = turn = 0
    while count < len(starts):
        for place, one in enumerate(order):
            other = order[(place + shifts[turn % len(shifts)]) % len(order)]
            mirrored = alike and one > other
            taken = used.setdefault((other, one) if mirrored else (one, other), set())
            if count == len(starts):
                return
            found = _next_unused(left[one], right[other], mirrored, taken, starts[count])
            if found is not None:
                count += 1
                yield one, other, *found
        turn += 1


def _next_unused(left: int, right: int, mirrored: bool, used: set[int], start: int) -> tuple[int, int] | None:
    """The first unused combination of two groups' members from ``start`` on, noted in ``used``; None without any."""
    room = left * right
    for place in range(start, start + room) if len(used) < room else ():
        one, other = divmod(place % room, right)
        number = other * left + one if mirrored else one * right + other  # the same for a pair and its mirror image
        if number not in used:
            used.add(number)
            return one, other
    return None
