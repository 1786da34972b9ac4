"""``maskrec gallery list``, ``remove`` and ``rename``: who is enrolled, who no longer is, and by which name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import escaped, say
from maskrec.base.errors import MaskrecError
from maskrec.base.words import counted
from maskrec.cli.galleries.gallery_options import GalleryPath, PersonName
from maskrec.cli.options import AsJson

if TYPE_CHECKING:
    from maskrec.inference.galleries.enrolled import EnrolledPerson, Removed


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


def remove(
    gallery: GalleryPath,
    name: PersonName,
    photo: Annotated[
        str | None,
        typer.Option("--photo", metavar="PHOTO", help="One of their photos, by its name, instead of the person."),
    ] = None,
) -> None:
    """Remove a person, or one of their photos, with all that is kept of it.

    The exit code is 1 where bytes of it could not be wiped yet.
    """
    from maskrec.inference.galleries.gallery_file import GalleryFile

    with GalleryFile.open(gallery, write=True) as file:
        removed = file.remove(name) if photo is None else file.remove_photo(name, photo)
    done = f"{escaped(removed.name)}: {counted(removed.faces, 'face')} removed"
    _say_wiped(gallery, done, "them" if photo is None or removed.faces > 1 else "it", removed)


def rename(
    gallery: GalleryPath,
    name: PersonName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Their new name.")],
) -> None:
    """Give a person another name.

    The exit code is 1 where bytes of the old name could not be wiped yet.
    """
    from maskrec.inference.galleries.gallery_file import GalleryFile
    from maskrec.inference.galleries.person_names import checked_name

    with GalleryFile.open(gallery, write=True) as file:
        removed = file.rename(name, new)
    _say_wiped(gallery, f"{escaped(removed.name)} is now {escaped(checked_name(new))}", "the old name", removed)


def _say_wiped(gallery: Path, done: str, what: str, removed: Removed) -> None:
    """Say what was done and that nothing of it is left, or raise why something is."""
    if not removed.wiped:
        raise MaskrecError(
            f"{done}, but bytes of {what} are still in {gallery} because {removed.reason}; the next command that "
            "changes it wipes them"
        )
    say(f"{done}, nothing of {what} is left in {gallery}")


def _line(person: EnrolledPerson) -> str:
    states = {"bare": person.bare, "masked": person.masked, "mask unknown": person.unknown}
    kept = f", {counted(person.photos_kept, 'photo')} kept" if person.photos_kept else ""
    worn = ", ".join(f"{count:,} {state}" for state, count in states.items() if count)
    first, last = person.added
    when = first if first == last else f"{first} to {last}"
    return f"  {escaped(person.name)}: {counted(person.faces, 'face')} ({worn}){kept}, added {when}"
