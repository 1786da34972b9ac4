"""Refusals of what the comparisons of an evaluation do not carry, with the number of people that would."""

from __future__ import annotations

import math

from maskrec.base.words import counted

FEWEST_EVENTS = 10.0
"""Expected false accepts below which a threshold for a FAR is not worth storing."""
FEWEST_PEOPLE = 20  # measured, below which resampling them says nothing
_FEWEST_EFFECTIVE = 10.0  # people behind the false accepts


class NotEnoughPeopleError(ValueError):
    """The comparisons do not carry what was asked; the message says how many people would.

    Args:
        message: one sentence.
        needed: about how many people with as many images each.
    """

    def __init__(self, message: str, needed: int) -> None:
        super().__init__(message)
        self.needed = needed


def worded(condition: str) -> str:
    """A condition as an adjective."""
    return condition.replace("_", "-")


def require_events(condition: str, far: float, people: int, comparisons: int) -> None:
    """Raise unless ten false accepts are to be expected at a FAR."""
    expected = far * comparisons
    if expected < FEWEST_EVENTS:
        needed = max(FEWEST_PEOPLE, math.ceil(people * math.sqrt(FEWEST_EVENTS / expected)))
        raise NotEnoughPeopleError(
            f"a FAR of {far:g} needs ten expected false accepts, and "
            f"{counted(comparisons, f'{worded(condition)} comparison')} of {counted(people, 'person')} give "
            f"{expected:.2g}; evaluate about {counted(needed, 'person')}, or choose a FAR of at least "
            f"{FEWEST_EVENTS / comparisons:.2g}",
            needed,
        )


def require_people(condition: str, rate: float, people: int, effective: float) -> None:
    """Raise unless enough people are measured, and enough of them are behind the false accepts at a FAR.

    Args:
        condition: of the comparisons.
        rate: the measured FAR.
        people: that were measured.
        effective: as ``effective_people`` counts those behind the false accepts.
    """
    if people < FEWEST_PEOPLE or effective < _FEWEST_EFFECTIVE:
        needed = max(FEWEST_PEOPLE, math.ceil(people * _FEWEST_EFFECTIVE / max(effective, 1.0)))
        raise NotEnoughPeopleError(
            f"the false accepts of {worded(condition)} images at a FAR of {rate:.2g} stem from too few of "
            f"{counted(people, 'person')} (as if from {effective:.1f}) to say anything of others; evaluate about "
            f"{counted(needed, 'person')}, or choose a larger FAR",
            needed,
        )


def require_both_kinds(condition: str, genuine: int, impostor: int, people: int) -> None:
    """Raise unless ten comparisons of either kind were counted."""
    for kind, count in (("one person", genuine), ("two people", impostor)):
        if count < FEWEST_EVENTS:
            needed = math.ceil(people * FEWEST_EVENTS / max(count, 1))
            raise NotEnoughPeopleError(
                f"a probability needs ten comparisons of {worded(condition)} images of {kind}, and {count} "
                f"{'was' if count == 1 else 'were'} counted; evaluate about {counted(needed, 'person')} with several "
                "images each",
                needed,
            )
