"""The people to pair: their photos, and each photo's images, bare and masked; people divided into splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.words import spellings
from maskrec.contracts.problem import Problems
from maskrec.preparation.masking.mask_plan import MaskPlan
from maskrec.preparation.pairing.seeded_order import SeededOrder
from maskrec.preparation.sources.face_list import FaceRow

_BLOCK = 20


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a photo: a file, and optionally a mask to put on when it is embedded.

    Args:
        face: its row.
        photo: the photo that it was made from; no two people share one.
        put_on: the type of that mask; empty for none.
    """

    face: FaceRow
    photo: str
    put_on: str = ""

    @property
    def mask_type(self) -> str:
        """The mask type that it wears, put on or present."""
        return self.put_on or self.face.mask_type


@dataclass(slots=True)
class Photo:
    """The images made from one photo of one person."""

    name: str
    bare: list[Image] = field(default_factory=list)
    masked: list[Image] = field(default_factory=list)


@dataclass(slots=True)
class Person:
    """One person with all photos.

    Args:
        number: place among all people, from 0.
    """

    number: int
    identity: str
    photos: list[Photo]


def gather_people(faces: Sequence[FaceRow], copies: Mapping[Path, Sequence[FaceRow]]) -> list[Person]:
    """All people, numbered in the order of their names, with their photos sorted by name.

    Args:
        faces: of ``faces.csv``, sorted.
        copies: masked copies by their file; ``source`` gives the path of the face that each was made from.

    Raises:
        UsageError: a copy is not masked, or comes from an unknown face or from another person's; or one name is there
            in two spellings, so that one person could be trained on and measured.
    """
    if twice := spellings(face.identity for face in faces):
        some = ", ".join(f"{one!a} and {other!a}" for one, other in twice[:3])
        raise UsageError(
            f"the faces name {some}, which are one name in two spellings, so one person could be trained on and "
            "measured; give them one spelling, or two names"
        )
    photos: dict[tuple[str, str], Photo] = {}
    owners: dict[str, str] = {}
    for face in faces:
        shared = owners.setdefault(face.source, face.identity) != face.identity  # two people in one photo
        name = f"{face.source} ({face.identity})" if shared else face.source
        photo = photos.setdefault((face.identity, face.source), Photo(name))
        (photo.masked if face.masked else photo.bare).append(Image(face, photo.name))
    originals = {face.name: face for face in faces}
    problems = Problems()
    for file, rows in copies.items():
        for copy in rows:
            original = originals.get(copy.source)
            if original is None:
                problems.add(file, f"{copy.name} was made from {copy.source}, which is not among the faces")
            elif not copy.masked:
                problems.add(file, f"{copy.name} is not masked (masked: 0)")
            elif original.identity != copy.identity:
                problems.add(
                    file, f"{copy.name} is {copy.identity!r}, but was made from a face of {original.identity!r}"
                )
            elif bool(copy.landmarks) != bool(original.landmarks):
                problems.add(file, f"{copy.name}: landmarks in only one of the two files")
            else:
                photo = photos[original.identity, original.source]
                photo.masked.append(Image(copy, photo.name))
    problems.raise_errors("the masked copies")
    by_person: dict[str, list[Photo]] = {}
    for (identity, _), photo in sorted(photos.items()):
        by_person.setdefault(identity, []).append(photo)
    names = sorted(by_person)
    return [Person(number, name, by_person[name]) for number, name in enumerate(names)]


def put_masks_on(people: Sequence[Person], faces: Sequence[FaceRow], plan: MaskPlan, seed: int) -> None:
    """Add masked images beside every bare one, whose masks are put on when embedded; changes ``people``.

    Raises:
        UsageError: the faces have no landmarks, or there are more copies than types.
    """
    if faces and not faces[0].landmarks:
        raise UsageError(
            "masks are put on by landmarks, but the faces have none; `maskrec data align` writes them, or name masked "
            "copies with --masked"
        )
    if plan.number > len(plan.names):
        raise UsageError(
            f"--copies {plan.number} with {len(plan.names)} types: a face wears each type once when masks are put on "
            "while embedding; use more types, or `maskrec data mask` and --masked"
        )
    worn = dict(zip((face.name for face in faces), plan.worn([face.name for face in faces], seed), strict=True))
    for person in people:
        for photo in person.photos:
            photo.masked += [
                Image(image.face, photo.name, name) for image in photo.bare for name in worn[image.face.name]
            ]


def split_people(people: Sequence[Person], weights: Mapping[str, float], seed: int) -> dict[str, list[Person]]:
    """Assign every person to one split, so that each split has its share of people with many photos and with few.

    Args:
        people: all.
        weights: each split's weight; 0 gives it no people.
        seed: same seed, same splits.
    """
    dice = SeededOrder(seed, "pairs/split")
    drawn = [people[index] for index in dice.order("ties", len(people))]
    by_photos = sorted(drawn, key=lambda person: -len(person.photos))
    order = dice.order("blocks", len(people))
    total = sum(weights.values())
    splits: dict[str, list[Person]] = {name: [] for name in weights}
    for start in range(0, len(people), _BLOCK):
        block = sorted(range(start, min(start + _BLOCK, len(people))), key=lambda place: int(order[place]))
        for done, place in enumerate(block, start + 1):
            owed = {name: done * weight / total - len(splits[name]) for name, weight in weights.items() if weight > 0}
            splits[max(owed, key=lambda name: owed[name])].append(by_photos[place])
    return {name: sorted(some, key=lambda person: person.number) for name, some in splits.items()}


def images_of(people: Iterable[Person], *, bare: bool = True, masked: bool = True) -> list[Image]:
    """All images of these kinds."""
    return [
        image
        for person in people
        for photo in person.photos
        for image in [*(photo.bare if bare else ()), *(photo.masked if masked else ())]
    ]
