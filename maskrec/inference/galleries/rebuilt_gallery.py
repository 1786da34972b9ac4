"""What became of a gallery that was rebuilt: who is in it, and who must come again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from maskrec.base.console import escaped
from maskrec.base.words import counted


class LostPhoto(NamedTuple):
    """A photo that the new gallery does not have.

    Args:
        person: who is on it.
        photo: its name in the old gallery.
        reason: why, as a sentence or a part of one.
    """

    person: str
    photo: str
    reason: str


@dataclass(frozen=True, slots=True)
class RebuiltGallery:
    """What became of a gallery.

    Args:
        path: of the new one.
        faces: how many it has.
        people: how many.
        come_again: those who have no face in it.
        lost: photos that it does not have, of these and of others.
        notes: what else the user should know.
    """

    path: Path
    faces: int
    people: int
    come_again: tuple[str, ...]
    lost: tuple[LostPhoto, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """In words, a line a thing."""
        lines = [f"{self.path}: {counted(self.people, 'person')}, {counted(self.faces, 'face')}"]
        if self.come_again:
            lines.append(f"{counted(len(self.come_again), 'person')} must come again:")
        for person in dict.fromkeys(each.person for each in self.lost):
            gone = [each for each in self.lost if each.person == person]
            lacks = "" if person in self.come_again else f" lacks {counted(len(gone), 'photo')}"
            lines.append(f"  {escaped(person)}{lacks}")
            lines += [f"    {escaped(each.photo)}: {each.reason}" for each in gone]
        return lines + [f"note: {note}" for note in self.notes]
