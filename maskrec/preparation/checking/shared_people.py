"""People by name: who is in more than one set."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from maskrec.preparation.face_sets import FaceSet, Finding, Severity

_NUMBER = "; by its number, which tells nothing where the two sets count their people apart"


def plain_name(name: str) -> str:
    """A name as names are compared: without case, underscores and double spaces, letters in one Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


def severity_of(one: FaceSet, other: FaceSet) -> Severity:
    """People of the training set must not be measured; between other sets it is for the user to judge."""
    return "error" if "train" in (one.role, other.role) and one.role and other.role else "warning"


def find_shared_names(sets: Sequence[FaceSet], apart: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """People who are in two sets by name, a finding each; sets that name nobody are told, not passed over.

    Args:
        sets: all sets.
        apart: numbers of sets that should share nobody.
    """
    people = [_first_photos(faces) if faces.named else {} for faces in sets]
    for number, second in apart:
        one, other, left, right = sets[number], sets[second], people[number], people[second]
        for name in sorted(left.keys() & right.keys()):
            mine, theirs = left[name], right[name]
            message = f"{one.people[mine]!r} is in {_called(one)} and in {_called(other)}"
            message += _NUMBER if name.isdecimal() else ""
            who = tuple(dict.fromkeys((one.people[mine], other.people[theirs])))
            yield Finding(severity_of(one, other), "in_both", message, (one.place(mine), other.place(theirs)), who)
    for number in sorted({number for pair in apart for number in pair}):
        if len(sets[number]) and not sets[number].named:
            message = (
                "its people have no names, so nobody can tell by name whether they are in another set; give it a "
                "column identity, or compare by --model"
            )
            yield Finding("warning", "no_names", message, (str(sets[number].path),))


def _called(faces: FaceSet) -> str:
    return f"{faces.path} ({faces.role})" if faces.role else str(faces.path)


def _first_photos(faces: FaceSet) -> dict[str, int]:
    first: dict[str, int] = {}
    for index, name in enumerate(faces.people):
        if name:
            first.setdefault(plain_name(name), index)
    return first
