"""Pairs of MFR2: real masks on real people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Mark, Problems
from maskrec.images.csv_table import whole_number
from maskrec.pairs.gathering import Gathering, read_lines
from maskrec.pairs.numbered_photos import NumberedPhotos, two_people, words_of
from maskrec.pairs.photo_pairs import build_pair_set

BARE = ("no-mask", "no_mask", "no mask", "nomask", "unmasked", "none")


def mfr2(
    root: Path,
    context: Context,
    image_size: int,
    path: Path | None = None,
    mask_labels: Path | None = None,
    landmarks: Path | None = None,
) -> PairSet:
    """The pairs of MFR2 (Anwar and Raychowdhury, 2020): **real masks**, photographed, not put on by a program.

    53 people, 269 photos of 160 x 160 pixels, 848 pairs. Photo i of Name is ``ROOT/Name/Name_000i.png``, or with any
    other ending that photos have. A line of pairs.txt is ``Name i j`` (one person) or ``Name i Other j`` (two), without
    a header. A line of mfr2_labels.txt is ``Name, i, mask``, where ``no-mask`` says that photo i is bare and any other
    word that a mask is worn; so each pair's condition is bare, one_masked or both_masked depending on its photos. No
    masks are put on.

    Args:
        root: the folder with a folder per person.
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        path: the pairs file; by default ``ROOT/pairs.txt``.
        mask_labels: the labels file; by default ``ROOT/mfr2_labels.txt``.
        landmarks: a CSV of ``path``, the five landmarks and optionally boxes. Without it photos are treated as aligned.

    Returns:
        Pairs with ``identities``, without folds; pairs that the list has twice are a caveat.

    Raises:
        UsageError: malformed lines, photos without a label, missing or empty photos: all at once, with their lines.
    """
    problems = Problems()
    path = root / "pairs.txt" if path is None else path
    reader = _Reader(
        NumberedPhotos(root, problems, ".png"),
        _read_labels(root / "mfr2_labels.txt" if mask_labels is None else mask_labels, problems),
        problems,
        Gathering(problems, published=True),
    )
    for place, line in read_lines(path):
        reader.read(place, words_of(line))
    pairs = reader.gathering.finish(str(path))
    return build_pair_set(pairs, context, image_size, ("none",), None, 0, landmarks, root, problems)


def _read_labels(path: Path, problems: Problems) -> dict[tuple[str, int], bool]:
    """Whether each photo shows a mask, by name and number."""
    found: dict[tuple[str, int], bool] = {}
    for place, line in read_lines(path):
        words = [word.strip() for word in line.split(",")]
        number = whole_number(words[1]) if len(words) == 3 else None
        if number is None or not words[0] or not words[2]:
            problems.add(place, f"expected 'Name, i, mask', not {line[:60]!r}")
            continue
        masked = words[2].lower() not in BARE
        if found.setdefault((words[0], number), masked) != masked:
            problems.add(place, f"photo {number} of {words[0]} is bare in one line and masked in another")
    return found


@dataclass(slots=True)
class _Reader:
    photos: NumberedPhotos
    masked: dict[tuple[str, int], bool]
    problems: Problems
    gathering: Gathering

    def read(self, place: Mark, words: list[str]) -> None:
        same = len(words) == 3
        if len(words) not in (3, 4):
            self.problems.add(place, "expected 'Name i j' or 'Name i Other j'")
            return
        name, other = words[0], words[0] if same else words[2]
        if not same and not two_people(place, name, other, self.problems):
            return
        left, right = self._photo(place, name, words[1]), self._photo(place, other, words[-1])
        if left is not None and right is not None:
            self.gathering.pair(place, left, right, same)

    def _photo(self, place: Mark, name: str, text: str) -> int | None:
        number = whole_number(text)
        if number is None or number < 1:
            self.problems.add(place, f"photos are numbered from 1, not {text!r}")
            return None
        masked = self.masked.get((name, number))
        if masked is None:
            self.problems.add(
                place, f"photo {number} of {name} is not in the labels file, so it is unknown whether it is masked"
            )
            return None
        return self.gathering.photo(place, self.photos.find(place, name, number), name, masked)
