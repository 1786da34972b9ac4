"""What the people at hand allow, where nobody asked for shares or numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskrec.preparation.pairing.pair_sampling import Condition, Sides, different_room, same_room
from maskrec.preparation.pairing.settings import Masks, PairSettings
from maskrec.preparation.pairing.splits import Person

CONDITIONS: dict[Masks, Condition] = {"none": "bare", "one": "one_masked", "both": "both_masked"}


def condition_shares(each: int, settings: PairSettings) -> dict[Masks, tuple[int, int]]:
    """Same-person pairs of each condition that ``each`` in all come to: of two photos, and of one photo."""
    count = len(settings.masks)
    shares: dict[Masks, tuple[int, int]] = {}
    for place, masks in enumerate(settings.masks):
        wanted = each // count + (place < each % count)
        one_photo = int(wanted * settings.same_photo + 0.5)
        shares[masks] = wanted - one_photo, one_photo
    return shares


def enough_people(people: int, settings: PairSettings) -> PairSettings:
    """The settings with shares for few people: about eight for thresholds, eight to test on, the rest to train on.

    Args:
        people: how many there are.
        settings: whose shares nobody asked for.
    """
    least = min(1 / 3, 8 / people)
    lowest = {name: max(settings.shares[name], least) for name in ("evaluation", "test")}
    if lowest == {name: settings.shares[name] for name in lowest}:
        return settings
    return replace(settings, shares={"train": 1 - sum(lowest.values()), **lowest})


def most_reachable(splits: Mapping[str, Sequence[Person]], settings: PairSettings, open_to: set[str]) -> PairSettings:
    """The settings with the numbers of ``open_to`` (``evaluation``, ``test``) lowered to what is possible.

    A number of which not one pair a condition is possible stays as it is, for the error that says so.
    """
    changes: dict[str, Any] = {}
    for split in sorted(open_to):
        halves = 2 if split == "test" else 1  # test pairs are counted together, half of them of one person
        fits = _fits(splits[split], settings)
        most = _largest(getattr(settings, split) // halves, fits)
        if most >= len(settings.masks):
            changes[split] = most * halves
    return replace(settings, **changes)


def _fits(people: Sequence[Person], settings: PairSettings) -> Callable[[int], bool]:
    rooms = {}
    for masks in settings.masks:
        sides = Sides(CONDITIONS[masks])
        two_photos, one_photo = (int(same_room(people, sides, twice).sum()) for twice in (False, True))
        rooms[masks] = two_photos, one_photo, different_room(people, sides)

    def fits(each: int) -> bool:
        return all(
            two <= rooms[masks][0] and one <= rooms[masks][1] and two + one <= rooms[masks][2]
            for masks, (two, one) in condition_shares(each, settings).items()
        )

    return fits


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to ``most`` that fits, by halving; 0 where none does."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if fits(middle) else (low, middle - 1)
    return low
