"""People by name: who is in more than one set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maskrec.base.words import look_alike, plain_name, spellings
from maskrec.images.people_by_place import one_identity
from maskrec.preparation.face_sets import FaceSet, SetProblem, Severity

_NUMBER = "; matched by number, which means nothing where the two sets number their people independently"


def severity_of(one: FaceSet, other: FaceSet) -> Severity:
    """People of the training set must not be tested; between other sets the user must judge."""
    return "error" if "train" in (one.role, other.role) and one.role and other.role else "warning"


def find_odd_people(faces: FaceSet) -> Iterator[SetProblem]:
    """A set of one person, and people of one set whose names are one name in two spellings."""
    first: dict[str, int] = {}
    for index, name in enumerate(faces.people):
        first.setdefault(name, index)
    names = [name for name in first if name]
    if message := one_identity(faces.people):
        yield SetProblem.of("error" if faces.role == "train" else "warning", "one_only", message, (str(faces.path),))
    for one, other in spellings(names) if faces.named else ():
        alike = look_alike(one, other)
        shown = f"{one!a} and {other!a} look alike" if alike else f"{one!r} and {other!r} are one name"
        message = f"{shown}, in two spellings, and count as two people; give them one spelling, or two names"
        places = tuple(faces.place(first[name]) for name in (one, other))
        yield SetProblem.of("error" if alike else "warning", "spelling", message, places, (one, other))


def find_shared_names(sets: Sequence[FaceSet], apart: Sequence[tuple[int, int]]) -> Iterator[SetProblem]:
    """People who are in two sets by name, one problem each; sets without names are reported, not ignored.

    Args:
        sets: all sets.
        apart: pairs of sets that must not share people.
    """
    people = [_first_photos(faces) if faces.named else {} for faces in sets]
    for number, second in apart:
        one, other, left, right = sets[number], sets[second], people[number], people[second]
        for name in sorted(left.keys() & right.keys()):
            mine, theirs = left[name], right[name]
            message = f"{one.people[mine]!r} is in {_called(one)} and in {_called(other)}"
            message += _NUMBER if name.isdecimal() else ""
            who = tuple(dict.fromkeys((one.people[mine], other.people[theirs])))
            yield SetProblem.of(
                severity_of(one, other), "in_both", message, (one.place(mine), other.place(theirs)), who
            )
    for number in sorted({number for pair in apart for number in pair}):
        if len(sets[number]) and not sets[number].named:
            message = (
                "its people have no names, so they cannot be compared with another set by name; add a column identity, "
                "or compare faces with --model"
            )
            yield SetProblem.of("warning", "no_names", message, (str(sets[number].path),))


def _called(faces: FaceSet) -> str:
    return f"{faces.path} ({faces.role})" if faces.role else str(faces.path)


def _first_photos(faces: FaceSet) -> dict[str, int]:
    first: dict[str, int] = {}
    for index, name in enumerate(faces.people):
        if name:
            first.setdefault(plain_name(name), index)
    return first
