"""``maskrec gallery list`` and ``remove``: who is enrolled, and who no longer is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from maskrec.base.console import escaped, say
from maskrec.base.errors import MaskrecError
from maskrec.base.words import counted
from maskrec.cli.galleries.gallery_options import GalleryPath, PersonName
from maskrec.cli.options import AsJson

if TYPE_CHECKING:
    from maskrec.inference.galleries.enrolled import EnrolledPerson


def list_people(gallery: GalleryPath, as_json: AsJson = False) -> None:
    """List who is enrolled."""
    from maskrec.inference.galleries.gallery_file import GalleryFile

    with GalleryFile.open(gallery) as file:
        people, model = file.people(), file.model
    if as_json:
        found = [person._asdict() for person in people]
        say(json.dumps({"model": model._asdict(), "people": found}, allow_nan=False))
        return
    faces = sum(person.faces for person in people)
    say(f"{gallery}: {counted(len(people), 'person')}, {counted(faces, 'face')}; embedded by {escaped(model.words)}")
    for person in people:
        say(_line(person))


def remove(gallery: GalleryPath, name: PersonName) -> None:
    """Remove a person with all that is kept of them.

    The exit code is 1 where bytes of them could not be wiped yet.
    """
    from maskrec.inference.galleries.gallery_file import GalleryFile

    with GalleryFile.open(gallery, write=True) as file:
        removed = file.remove(name)
    said = f"{escaped(removed.name)}: {counted(removed.faces, 'face')} removed"
    if not removed.wiped:
        raise MaskrecError(
            f"{said}, but bytes of them are still in {gallery} because {removed.reason}; the next command that opens "
            "it wipes them"
        )
    say(f"{said}, nothing of them is left in {gallery}")


def _line(person: EnrolledPerson) -> str:
    states = {"bare": person.bare, "masked": person.masked, "mask unknown": person.unknown}
    kept = f", {counted(person.photos_kept, 'photo')} kept" if person.photos_kept else ""
    worn = ", ".join(f"{count:,} {state}" for state, count in states.items() if count)
    first, last = person.added
    when = first if first == last else f"{first} to {last}"
    return f"  {escaped(person.name)}: {counted(person.faces, 'face')} ({worn}){kept}, added {when}"
