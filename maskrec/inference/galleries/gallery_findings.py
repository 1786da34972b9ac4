"""What a gallery's check found, as data and in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from maskrec.base.console import escaped
from maskrec.base.words import counted
from maskrec.inference.galleries.alarm_thresholds import AlarmThresholds, alike_within, unlike_beyond

Kind = Literal["wrong_person", "two_names", "lookalikes", "blurred", "tiny"]

KINDS: Mapping[Kind, str] = {
    "wrong_person": "a photo of the wrong person",
    "two_names": "one person under two names",
    "lookalikes": "two people under one threshold",
    "blurred": "a blurred face",
    "tiny": "a tiny face",
}
"""Each kind of finding in words, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """One of a gallery's photos.

    Args:
        id: of its row in the file.
        person: whose it is said to be.
        photo: its name; like ``person`` to be cleaned before it is printed.
    """

    id: int
    person: str
    photo: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that poisons a gallery.

    Args:
        kind: see ``KINDS``.
        people: names of those concerned; first the one whose photos are to be looked at.
        photos: that are at fault, or one of which is.
        numbers: what was measured: distances, thresholds, log odds.
        sentence: what was found, with the evidence, and what to do.
    """

    kind: Kind
    people: tuple[str, ...]
    photos: tuple[EnrolledPhoto, ...]
    numbers: Mapping[str, float]
    sentence: str


@dataclass(frozen=True, slots=True)
class CheckedPerson:
    """A person of a gallery, and who is likest to them.

    Args:
        name: of the person.
        photos: how many are enrolled.
        compared: how many of these are sharp and large enough to be compared.
        nearest: name of the nearest stranger; "" where nobody was compared.
        pair: the person's photo and the stranger's at that distance.
        distance: L2 between unit embeddings; NaN where nobody was compared.
        condition: of the two photos, in words.
        threshold: at or below it both would look like one person.
    """

    name: str
    photos: int
    compared: int
    nearest: str = ""
    pair: tuple[str, str] = ("", "")
    distance: float = float("nan")
    condition: str = ""
    threshold: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GalleryReport:
    """A gallery that was checked.

    Args:
        findings: by kind, then as the people were added.
        people: all of them, as they were added.
        thresholds: that the findings stand on.
        notes: what could not be checked, a sentence each.
    """

    findings: tuple[Finding, ...]
    people: tuple[CheckedPerson, ...]
    thresholds: AlarmThresholds
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"GalleryReport({counted(len(self.people), 'person')}, {counted(len(self.findings), 'finding')})"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The thresholds, the notes and the findings in words, a line each, and what was checked."""
        lines = [*self._threshold_lines(), *(f"note: {escaped(note)}" for note in self.notes)]
        lines += [f"{KINDS[each.kind]}: {escaped(each.sentence)}" for each in self.findings]
        photos = sum(each.photos for each in self.people)
        found = counted(len(self.findings), "finding") if self.findings else "nothing was found"
        return [*lines, f"{counted(len(self.people), 'person')}, {counted(photos, 'photo')}; {found}"]

    def _threshold_lines(self) -> Iterator[str]:
        """The distances that were compared with, and the rates behind them."""
        for name, near in self.thresholds.near.items():
            line = f"{name.replace('_', ' ')}: {alike_within(near.value)} (FAR {near.far:.1g})"
            own = self.thresholds.own.get(name)
            if own is not None:
                line += f", {unlike_beyond(own.value)} (false reject rate {own.frr:.1g})"
            yield line

    def to_plain(self) -> dict[str, Any]:
        """For JSON; what is not known is null."""
        return {
            "findings": [
                {
                    "kind": each.kind,
                    "people": list(each.people),
                    "photos": [{"id": one.id, "person": one.person, "photo": one.photo} for one in each.photos],
                    "numbers": dict(each.numbers),
                    "sentence": each.sentence,
                }
                for each in self.findings
            ],
            "people": [_plain_person(each) for each in self.people],
            "thresholds": {
                "alarms": self.thresholds.alarms,
                "near": {
                    name: {"value": one.value, "far": one.far, "low": one.low, "high": one.high}
                    for name, one in self.thresholds.near.items()
                },
                "own": {name: one._asdict() for name, one in self.thresholds.own.items()},
            },
            "notes": list(self.notes),
        }


def _plain_person(person: CheckedPerson) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": person.name, "photos": person.photos, "compared": person.compared}
    nearest = {
        "name": person.nearest,
        "photo": person.pair[0],
        "other_photo": person.pair[1],
        "distance": person.distance,
        "condition": person.condition,
        "threshold": person.threshold,
    }
    return {**plain, "nearest_stranger": nearest if person.nearest else None}
