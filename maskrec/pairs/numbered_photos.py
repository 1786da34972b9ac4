"""Photos in LFW's layout: ``ROOT/Name/Name_0001`` with any ending that photos have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.base.words import plain_name
from maskrec.contracts.problem import Mark, Problems
from maskrec.images.photos import PHOTO_ENDINGS, place_of


def words_of(line: str) -> list[str]:
    """The words of a line: between tabs where it has some, as names may have spaces, else between spaces."""
    return [word.strip() for word in line.split("\t")] if "\t" in line else line.split()


@dataclass(slots=True)
class NumberedPhotos:
    """Finds photo i of a person; each folder is listed once.

    Args:
        root: the folder with a folder per person.
        problems: collects photos that have two files.
        usual: the ending in the message about a photo that is missing.
    """

    root: Path
    problems: Problems
    usual: str = ".jpg"
    _folders: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def find(self, place: Mark, name: str, number: int) -> str:
        """The photo's file; where it is missing, a path with the usual ending that does not exist."""
        stem = f"{name}_{number:04d}"
        files = self._in_folder(name).get(stem, [])
        if len(files) > 1:
            shown = " and ".join(files)
            self.problems.add(place, f"photo {number} of {name} has two files: {shown}; remove one")
        return place_of(self.root, f"{name}/{files[0] if files else stem + self.usual}")

    def _in_folder(self, name: str) -> dict[str, list[str]]:
        """The photos in a person's folder by their names without endings."""
        if name not in self._folders:
            found: dict[str, list[str]] = {}
            for file in _files(place_of(self.root, name)):
                stem, ending = os.path.splitext(file)  # noqa: PTH122 - a Path for every photo is slow
                if ending.lower() in PHOTO_ENDINGS:
                    found.setdefault(stem, []).append(file)
            self._folders[name] = found
        return self._folders[name]


def _files(folder: str) -> Sequence[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - likewise
    except (OSError, ValueError):
        return []


def two_people(place: Mark, name: str, other: str, problems: Problems) -> bool:
    """Whether the names of a pair of different people differ; a problem where they do not."""
    if plain_name(name) != plain_name(other):
        return True
    spelt = f"{name} twice" if name == other else f"{name!a} and {other!a}, one name in two spellings"
    problems.add(place, f"a pair of different people names {spelt}")
    return False
