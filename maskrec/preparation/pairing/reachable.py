"""What the people at hand allow: the numbers that nobody asked for, and what to say where too many are requested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.preparation.pairing.pair_sampling import Condition, Sides, different_room, same_room
from maskrec.preparation.pairing.settings import Masks, PairSettings
from maskrec.preparation.pairing.splits import Person

CONDITIONS: dict[Masks, Condition] = {"none": "bare", "one": "one_masked", "both": "both_masked"}

WEARING: dict[Condition, str] = {"bare": "bare", "one_masked": "with one face masked", "both_masked": "masked"}


@dataclass(frozen=True, slots=True)
class Scarcest:
    """What limits the number of a split's pairs.

    Args:
        masks: the condition.
        two_people: whether pairs of two people are the fewest; else pairs of one person.
    """

    masks: Masks
    two_people: bool


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


def scarcest(people: Sequence[Person], settings: PairSettings, split: str) -> Scarcest:
    """What there are fewest of, for its share of the pairs: of what one more pair is the first that is not possible."""
    each = getattr(settings, split) // (2 if split == "test" else 1)
    rooms = _rooms(people, settings)

    def spare(masks: Masks, two_people: bool) -> float:
        two, one = condition_shares(each + len(settings.masks), settings)[masks]
        two_room, one_room, apart = rooms[masks]
        if two_people:
            return apart / max(1, two + one)
        return min(room / wanted for room, wanted in ((two_room, two), (one_room, one)) if wanted)

    kinds = [(masks, two_people) for masks in settings.masks for two_people in (False, True)]
    return Scarcest(*min(kinds, key=lambda kind: spare(*kind)))


def _rooms(people: Sequence[Person], settings: PairSettings) -> dict[Masks, tuple[int, int, int]]:
    """How many pairs of each condition are possible: of one person from two photos and from one, and of two people."""
    rooms = {}
    for masks in settings.masks:
        sides = Sides(CONDITIONS[masks])
        two_photos, one_photo = (int(same_room(people, sides, twice).sum()) for twice in (False, True))
        rooms[masks] = two_photos, one_photo, different_room(people, sides)
    return rooms


def _fits(people: Sequence[Person], settings: PairSettings) -> Callable[[int], bool]:
    rooms = _rooms(people, settings)

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


def same_kind(sides: Sides, one_photo: bool) -> str:
    """Pairs of one person, in words."""
    photos = "two images of one photo" if one_photo else "two photos of one person"
    return f"{WEARING[sides.condition]} pairs of {photos}"


def refuse_all_masked(people: Sequence[Person], settings: PairSettings) -> None:
    """Raise UsageError where pairs need a bare face and every face wears a mask."""
    barely = [masks for masks in settings.masks if masks != "both"]
    if not barely or any(photo.bare for person in people for photo in person.photos):
        return
    count = sum(len(photo.masked) for person in people for photo in person.photos)
    raise UsageError(
        f"all {counted(count, 'face')} wear masks already, and --masks {','.join(barely)} needs bare ones; use --masks "
        "both, or name the bare faces and add these copies of them with --masked"
    )


def refuse_too_few_people(each: int, split: str, people: Sequence[Person]) -> None:
    """Raise UsageError where there cannot be pairs of two people."""
    if each and len(people) < 2:
        raise UsageError(
            f"{split}: its share has {counted(len(people), 'person')}, but pairs of two people need two at "
            f"least; {_more_people(split)}"
        )


def _more_people(split: str) -> str:
    return f"raise --{split}-share, lower the other shares, or add photos of more people"


def refuse_too_many_pairs(
    wanted: int, room: int, sides: Sides, kind: str, split: str, people: Sequence[Person]
) -> None:
    """Raise UsageError, with the possible number, where too many pairs are requested."""
    if wanted <= room:
        return
    fitting = [sum(bool(sides.left(photo) or sides.right(photo)) for photo in person.photos) for person in people]
    those, several, photos = sum(map(bool, fitting)), sum(count > 1 for count in fitting), sum(fitting)
    if kind.endswith("of one photo") and not room and sides.condition == "bare":
        remedy = "leave --same-photo out, because a bare photo has one image"
    elif room:
        remedy = f"request fewer, or {_more_people(split)}"
    else:
        remedy = _more_people(split)
    if sides.condition != "bare":
        remedy += ", or put more masks on each photo (--copies, --every-type)"
    possible = f"only {room:,} different {'one is' if room == 1 else 'ones are'}" if room else "not one is"
    raise UsageError(
        f"{split}: {wanted:,} {kind} were requested, but {possible} possible, because its share has "
        f"{counted(those, 'person')} with such photos ({several:,} with two or more; "
        f"{counted(photos, 'photo')}); {remedy}"
    )
