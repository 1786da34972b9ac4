"""Pairs drawn from RMFRD: real masks on real people."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import is_folder
from maskrec.base.words import os_reason, spellings
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, Problems, refuse
from maskrec.images.photos import PHOTO_ENDINGS, place_of
from maskrec.pairs.gathering import Gathering
from maskrec.pairs.photo_pairs import build_pair_set
from maskrec.pairs.pools import Pools, draw_different, draw_same, split_people

Condition = Literal["bare", "one_masked", "both_masked"]

BARE, MASKED = "AFDB_face_dataset", "AFDB_masked_face_dataset"

_LITTER = ("Thumbs.db", "desktop.ini")


def rmfrd(
    root: Path,
    context: Context,
    image_size: int,
    pairs: int = 6000,
    conditions: list[Condition] = ["one_masked"],  # noqa: B006 - read only, and shown as the default
    folds: int | None = 10,
    pairs_seed: int = 0,
    landmarks: Path | None = None,
) -> PairSet:
    """Pairs drawn from RMFRD (Wang et al., 2023): **real masks**, photographed, not put on by a program.

    ``ROOT/AFDB_face_dataset/PERSON/*`` are bare photos, ``ROOT/AFDB_masked_face_dataset/PERSON/*`` masked ones; a
    person has the same folder name in both. RMFRD has no list of pairs, so they are drawn by a seed: half of one
    person, people in turn. With ``one_masked`` the left photo is bare and the right one masked. No masks are put on.

    Args:
        root: the folder with both folders in it.
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        pairs: of each condition, an even number.
        conditions: which of bare, one_masked and both_masked to draw.
        folds: parts of the pairs whose people are in no other part; None for no folds.
        pairs_seed: draws the pairs; the same seed and files, the same pairs.
        landmarks: a CSV of ``path``, the five landmarks and optionally boxes. Without it photos are treated as aligned.

    Returns:
        Pairs with ``fold`` and ``identities``.

    Raises:
        UsageError: folders are missing or hold something other than photos, or there are too few photos for the pairs.
        ValueError: a parameter out of range, in one sentence.
    """
    refuse(check({"pairs": pairs, "conditions": conditions, "folds": folds}, CheckContext()))
    problems = Problems()
    people = _People.read(root, problems)
    problems.raise_errors(str(root))
    gathering = Gathering(problems)
    for condition in conditions:
        for fold, crowd in enumerate(split_people(len(people.bare), folds or 1, pairs_seed)):
            share = [(number * (pairs // 2)) // (folds or 1) for number in (fold, fold + 1)]
            of_fold = f" in fold {fold}" if folds else ""
            try:
                drawn = _draw(people, crowd, condition, share[1] - share[0], pairs_seed, condition + of_fold)
            except ValueError as error:
                raise UsageError(f"{root}: {error}") from error
            for photos, same in drawn:
                places = [_gather(gathering, people, photo) for photo in photos]
                gathering.pair(str(root), places[0], places[1], same, fold if folds else None)
    return build_pair_set(
        gathering.finish(str(root)), context, image_size, ("none",), None, 0, landmarks, root, problems
    )


def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
    """Parameters out of range, each with its place."""
    if values["pairs"] < 2 or values["pairs"] % 2:
        yield Problem(
            f"pairs must be an even number from 2, half of them of one person, not {values['pairs']}", "pairs"
        )
    if values["folds"] is not None and not 2 <= values["folds"] <= max(values["pairs"] // 2, 2):
        yield Problem(
            f"folds must be at least 2 and at most half the pairs, or null for none, not {values['folds']}", "folds"
        )
    if not values["conditions"] or len(set(values["conditions"])) < len(values["conditions"]):
        yield Problem(
            f"conditions must have at least one name and none twice, not {values['conditions']}", "conditions"
        )


rmfrd.check = check  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _People:
    """Each person's photos by number, and each photo's path, person and whether a mask is worn."""

    bare: Sequence[Sequence[int]]
    masked: Sequence[Sequence[int]]
    photos: Sequence[tuple[str, str, bool]]

    @classmethod
    def read(cls, root: Path, problems: Problems) -> _People:
        found = [_read_folder(root / folder, problems) for folder in (BARE, MASKED)]
        for one, other in spellings([*found[0], *found[1]]):
            said = f"the folders {one!a} and {other!a} are one name in two spellings; give them one"
            problems.add(root, said)
        photos: list[tuple[str, str, bool]] = []
        pools: tuple[list[list[int]], list[list[int]]] = ([], [])
        for name in sorted(set(found[0]) | set(found[1])):
            for masked, pool in enumerate(pools):
                files = found[masked].get(name, [])
                pool.append(list(range(len(photos), len(photos) + len(files))))
                photos += [(place_of(root, file), name, bool(masked)) for file in files]
        return cls(pools[0], pools[1], photos)


def _read_folder(folder: Path, problems: Problems) -> dict[str, list[str]]:
    """Each person's photos, relative to the folder above; any other file is a problem."""
    found: dict[str, list[str]] = {}
    for person in _entries(folder):
        if not is_folder(person):
            problems.add(person.path, "expected a folder per person, not a file; remove it")
            continue
        files = sorted(_entries(Path(person.path)), key=lambda entry: entry.name)
        for file in files:
            if is_folder(file) or not file.name.lower().endswith(PHOTO_ENDINGS):
                problems.add(file.path, f"not a photo by its name ({', '.join(PHOTO_ENDINGS)}); remove it")
        found[person.name] = [f"{folder.name}/{person.name}/{file.name}" for file in files]
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The contents of a folder, except hidden files and those that file managers create."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _LITTER]
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be read as a folder ({os_reason(error)}); in RMFRD {BARE} and {MASKED} are side by side"
        ) from error


def _draw(
    people: _People, crowd: Sequence[int], condition: Condition, count: int, seed: int, what: str
) -> list[tuple[tuple[int, int], bool]]:
    """``count`` pairs of one person and as many of two, of these people, and which kind each is."""
    bare, masked = ([pool[person] for person in crowd] for pool in (people.bare, people.masked))
    left = masked if condition == "both_masked" else bare
    pools = Pools(left, masked if condition == "one_masked" else left)
    same, different = draw_same(pools, count, seed, what), draw_different(pools, count, seed, what)
    return [(pair, True) for pair in same] + [(pair, False) for pair in different]


def _gather(gathering: Gathering, people: _People, photo: int) -> int:
    path, name, masked = people.photos[photo]
    return gathering.photo(name, path, name, masked)
