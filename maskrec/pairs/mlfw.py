"""Pairs of MLFW: masks that its authors put on by a program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from maskrec.base.words import plain_name
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Mark, Problems
from maskrec.images.photos import place_of
from maskrec.pairs.gathering import Gathering, read_lines
from maskrec.pairs.numbered_photos import words_of
from maskrec.pairs.photo_pairs import build_pair_set

CAVEAT = "MLFW's masks are simulated: its authors put them on bare photos by a program"

_BARE = ("0", "-1", "none", "no-mask", "unmasked")
_NUMBERS = re.compile(r"(_\d+)+$")


def mlfw(
    path: Path,
    root: Path,
    mask_list: Path,
    context: Context,
    image_size: int,
    landmarks: Path | None = None,
) -> PairSet:
    """The 6,000 pairs of MLFW (Wang et al., 2021): CALFW's pairs, **masks simulated** by its authors' program.

    A line of pairs.txt is two photos and 1 (one person) or 0, with tabs between. Photos are in one folder (``aligned``
    at 112 x 112 pixels, or ``origin``) and are called ``Name_0001_0002.jpg``: the part before the numbers is the
    person. In MLFW at least one photo of a pair is masked; the mask list gives these: each line starts with a photo
    that wears a mask, optionally followed by the mask (``0`` or ``none``: bare); photos that it does not list are
    bare. No masks are put on.

    Args:
        path: the pairs file, ``pairs.txt``.
        root: the folder of photos.
        mask_list: the list of masked photos, ``mask_list.txt``.
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        landmarks: a CSV of ``path``, the five landmarks and optionally boxes. Without it photos are treated as aligned.

    Returns:
        Pairs with ``identities``, without folds (cut in the file's order they are CALFW's), and a caveat that the masks
        are simulated.

    Raises:
        UsageError: malformed lines, pairs without a masked photo, missing or empty photos: all at once, with lines.
    """
    problems = Problems()
    reader = _Reader(root, _read_masked(mask_list), problems, Gathering(problems, published=True))
    for place, line in read_lines(path):
        reader.read(place, words_of(line))
    pairs = reader.gathering.finish(str(path))
    pairs.caveat = "; ".join(filter(None, [CAVEAT, pairs.caveat]))
    return build_pair_set(pairs, context, image_size, ("none",), None, 0, landmarks, root, problems)


def _read_masked(path: Path) -> set[str]:
    masked = set()
    for _, line in read_lines(path):
        words = line.replace(",", " ").split()
        if words and not (len(words) > 1 and words[1].lower() in _BARE):
            masked.add(words[0])
    return masked


@dataclass(slots=True)
class _Reader:
    root: Path
    masked: set[str]
    problems: Problems
    gathering: Gathering

    def read(self, place: Mark, words: list[str]) -> None:
        names, same = [word.strip() for word in words[:2]], words[-1].strip()
        if len(words) != 3 or same not in ("0", "1") or not all(names):
            self.problems.add(place, "expected two photos and 0 or 1")
            return
        people = [_NUMBERS.sub("", PurePosixPath(name).stem) for name in names]
        one_name = plain_name(people[0]) == plain_name(people[1])
        if one_name != (same == "1"):
            kind = "different people" if one_name else "one person"
            self.problems.add(place, f"a pair of {kind} names {people[0]} and {people[1]}")
        if not any(name in self.masked for name in names):
            self.problems.add(place, "neither photo is in the mask list, but in MLFW at least one is masked")
        left, right = (
            self.gathering.photo(place, place_of(self.root, name), person, name in self.masked)
            for name, person in zip(names, people, strict=True)
        )
        self.gathering.pair(place, left, right, same == "1")
