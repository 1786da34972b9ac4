"""Photos of a person to faces that a gallery can take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from maskrec.base.console import escaped
from maskrec.base.errors import SettingError, UsageError, said_on_command_line
from maskrec.base.hashing import sha256_of
from maskrec.base.words import counted
from maskrec.images.encoding import encode_image
from maskrec.inference.galleries.enrolled import EnrolledPerson, FaceQuality, NewFace
from maskrec.inference.galleries.repeated_photos import refuse_repeated
from maskrec.inference.photos.face_finding import WhichFace
from maskrec.inference.photos.face_notes import sharpness
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.photo_input import NamedPhoto, Photo, photo_file, photos_of, read_photo

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel


@dataclass(frozen=True, slots=True)
class EnrolSettings:
    """How photos are read.

    Args:
        face: which face of a photo with several, as for ``FaceModel.embed``.
        masked: whether masks are worn, instead of what is seen.
        aligned: whether the photos are aligned faces already.
        bgr: whether arrays are blue, green, red.
        keep_photos: whether the photos are kept in the gallery.
    """

    face: WhichFace = "only"
    masked: bool | None = None
    aligned: bool = False
    bgr: bool = False
    keep_photos: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FaceToEnrol:
    """A face with the photo that it is from.

    Args:
        name: the photo's, as messages call it.
        face: in the photo.
        new: what is enrolled.
    """

    name: str
    face: Face
    new: NewFace


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """What was enrolled.

    Args:
        person: as they are enrolled now.
        faces: how many faces were added.
        notes: what the user should know of the photos.
    """

    person: EnrolledPerson
    faces: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        person = self.person
        states = {"bare": person.bare, "masked": person.masked, "mask unknown": person.unknown}
        now = ", ".join(f"{count:,} {state}" for state, count in states.items() if count)
        lines = [f"{escaped(person.name)}: {counted(self.faces, 'face')} added, {person.faces:,} enrolled ({now})"]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def faces_to_enrol(model: FaceModel, photos: Photo | Sequence[Photo], settings: EnrolSettings) -> list[FaceToEnrol]:
    """The intended face of each photo; all of them, or an error.

    Args:
        model: embeds them.
        photos: one or many.
        settings: as above.

    Raises:
        UsageError: the list is empty; a photo that cannot be read, shows several faces or not one, or is given twice.
    """
    given = photos_of(photos)
    named: list[tuple[NamedPhoto, bytes]] = []
    faults: dict[int, UsageError] = {}
    for number, item in enumerate(given.items):
        try:
            named.append(_named(item, number, given.one, settings.bgr))
        except UsageError as error:
            faults[number] = error
    if not named and not faults:
        raise UsageError("the list of photos is empty; name at least one")
    faces = model.source.intended([photo for photo, _ in named], settings.aligned, settings.face)
    read = [number for number in range(len(named) + len(faults)) if number not in faults]
    faults |= {number: face for number, face in zip(read, faces, strict=True) if isinstance(face, UsageError)}
    if faults:
        raise _refused([faults[number] for number in sorted(faults)])
    found = [face for face in faces if isinstance(face, Face)]
    rows = model.unit_rows(np.stack([face.image for face in found]))
    answer = []
    for (photo, content), face, row in zip(named, found, rows, strict=True):
        seen = face if settings.masked is None else replace(face, masked=settings.masked)
        kept = content if settings.keep_photos else None
        new = NewFace(row, seen.masked, quality_of(face), PurePath(photo.name).name, sha256_of(content), kept)
        notes = (*seen.notes, *([photo.note] if photo.note else []))
        answer.append(FaceToEnrol(photo.name, replace(seen, notes=notes), new))
    refuse_repeated([each.new for each in answer], [each.name for each in answer])
    return answer


def quality_of(face: Face) -> FaceQuality:
    """How well a face can be seen: eyes in pixels of the photo, sharpness as ``photos/face_notes.py`` has it."""
    apart = None if face.landmarks is None else float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))
    return FaceQuality(apart, sharpness(face.image), face.score)


def _named(item: Any, number: int, alone: bool, bgr: bool) -> tuple[NamedPhoto, bytes]:
    """A photo and the bytes of its file; those of a lossless one where it is not a file."""
    where = "the photo" if alone else f"photos[{number}]"
    if isinstance(item, (str, os.PathLike)):
        name = os.fspath(item)
        content = photo_file(name, name)
        return read_photo(content, name=name), content
    if isinstance(item, (bytes, bytearray, memoryview)):
        return read_photo(item, name=where), bytes(item)
    name = str(getattr(item, "filename", "") or where) if isinstance(item, Image.Image) else where
    photo = read_photo(item, bgr=bgr and isinstance(item, np.ndarray), name=name)
    return photo, encode_image(photo.pixels, "png")


def _refused(faults: Sequence[UsageError]) -> UsageError:
    """All faults, a sentence each on a line of its own."""
    tail, first = "; nothing was added", faults[0]
    if len(faults) == 1 and isinstance(first, SettingError):
        return SettingError(first.before, first.name, first.values, f"{first.after}{tail}")
    return UsageError("\n".join(f"{said_on_command_line(fault)}{tail}" for fault in faults))
