"""The choice of faces for a contact sheet: some of every mask type, some of every reason."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.turns import in_turns
from maskrec.base.words import plain_name
from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import read_table
from maskrec.preparation.face_sets import FaceSet
from maskrec.preparation.resumable.job_folder import REJECTED, REJECTED_COLUMNS
from maskrec.preparation.resumable.outcome import Rejected
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Source


@dataclass(frozen=True, slots=True)
class Choice:
    """What to show.

    Args:
        number: largest number of faces in each section.
        seed: of the choice.
        mask_types: only masked faces of these types; empty: all types.
        people: only these people; empty: all.
        sections: of ``bare``, ``masked`` and ``rejected``.
    """

    number: int = 48
    seed: int = 17
    mask_types: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    sections: tuple[str, ...] = ("bare", "masked", "rejected")


def choose(faces: FaceSet, choice: Choice) -> dict[str, list[int]]:
    """Entries of a set for the sections ``bare`` and ``masked``, sorted by mask type, person and place in the set.

    Raises:
        UsageError: the set does not have the mask type or person.
    """
    wanted = {plain_name(name) for name in choice.people}
    there = {plain_name(name) for name in faces.people} if wanted else set()
    if unknown := [name for name in choice.people if plain_name(name) not in there]:
        raise UsageError(f"--person {unknown[0]}: {faces.path} has no person of that name")
    types = faces.mask_types or [""] * len(faces)
    known = sorted({kind for kind in types if kind})
    if unknown := [kind for kind in choice.mask_types if kind not in known]:
        raise UsageError(f"--mask-type {unknown[0]}: {faces.path} has {', '.join(known) or 'no mask types'}")
    groups: dict[str, dict[str, list[int]]] = {"bare": {}, "masked": {}}
    for index in range(len(faces)):
        masked = bool(faces.masked is not None and faces.masked[index])
        if wanted and plain_name(faces.people[index]) not in wanted:
            continue
        if choice.mask_types and (not masked or types[index] not in choice.mask_types):
            continue
        groups["masked" if masked else "bare"].setdefault(types[index] if masked else "", []).append(index)
    return {
        section: sorted(
            _some(those, choice.number, choice.seed), key=lambda index: (types[index], faces.people[index], index)
        )
        for section, those in groups.items()
        if section in choice.sections
    }


def choose_rejected(rejected: Sequence[Rejected], choice: Choice) -> list[Rejected]:
    """Some rejected photos of every reason, sorted by reason and source."""
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(rejected):
        groups.setdefault(one.reason, []).append(index)
    chosen = [rejected[index] for index in _some(groups, choice.number, choice.seed)]
    return sorted(chosen, key=lambda one: (one.reason, one.source))


def _some(groups: Mapping[str, Sequence[int]], number: int, seed: int) -> list[int]:
    """At most ``number``, taken from the groups in turn."""
    generator = np.random.default_rng(seed)
    return in_turns([generator.permutation(groups[name]).tolist() for name in sorted(groups)], number)


def read_rejected(folder: Path) -> list[Rejected]:
    """The rows of a folder's ``rejected.csv``; an empty list where the folder does not have it.

    Raises:
        UsageError: a file that cannot be read.
    """
    path = folder / REJECTED
    if not path.is_file():
        return []
    try:
        with TextIOWrapper(open_regular(path), "utf-8", newline="") as stream:
            empty = sum(1 for _ in zip(range(2), csv.reader(stream), strict=False)) < 2
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    if empty:
        return []
    problems = Problems()
    table = read_table(path, REJECTED_COLUMNS, (), (), problems)
    problems.raise_errors(str(path))
    return [Rejected(*row) for row in zip(*(table.columns[name] for name in REJECTED_COLUMNS), strict=True)]


def find_items(rejected: Sequence[Rejected], source: Source) -> list[Item | None]:
    """Each rejected photo in the source that it came from; None where it no longer exists."""
    items = {item.key: item for item in source.items}
    return [items.get(one.source) for one in rejected]
