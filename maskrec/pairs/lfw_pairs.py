"""Pairs from LFW's pairs.txt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Mark, Problem, Problems
from maskrec.images.csv_table import whole_number
from maskrec.pairs.gathering import Gathering, read_lines
from maskrec.pairs.numbered_photos import NumberedPhotos, two_people, words_of
from maskrec.pairs.photo_pairs import Masks, build_pair_set, conditions_of, mask_problems


def lfw_pairs(
    path: Path,
    root: Path,
    context: Context,
    image_size: int,
    seed: int,
    landmarks: Path | None = None,
    masks: Masks | list[Masks] = "none",
    types: list[str] | dict[str, float] | None = None,
) -> PairSet:
    """The pairs of a ``pairs.txt`` in LFW's format (Huang et al., 2007), optionally with simulated masks.

    The first line is ``folds<TAB>n`` (or ``n`` alone: one fold); then each fold has n lines ``Name i j`` of one
    person and n lines ``Name i Other j`` of two. Names may have spaces where tabs are between the words; blank lines
    are ignored. Photo i of Name is ``ROOT/Name/Name_000i.jpg``, or with any other ending that photos have.

    Args:
        path: the pairs file.
        root: the folder with a folder per person.
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        seed: of the mask types.
        landmarks: a CSV of ``path``, the five landmarks and optionally boxes, for alignment and masks; paths relative
            to its own folder or to ``root``. Without it photos are treated as already aligned.
        masks: which faces of a pair wear a mask: ``none``, ``one`` (the right one), ``both``, or a list of these: all
            pairs once each way.
        types: mask types to choose from, evenly (a list) or by weight (a map); by default the five of the reference.

    Returns:
        Pairs with ``fold`` and ``identities``; the images of masked copies carry their mask type.

    Raises:
        UsageError: malformed lines, pairs that are listed twice, missing or empty photos, photos without landmarks: all
            at once, with their lines.
        ValueError: masks without landmarks, or unknown types.
    """
    for problem in _check({"masks": masks, "types": types, "landmarks": landmarks}, CheckContext()):
        raise ValueError(problem.message)
    problems = Problems()
    reader = _Reader(path, NumberedPhotos(root, problems), problems, Gathering(problems))
    reader.read()
    return build_pair_set(
        reader.gathering.pairs, context, image_size, conditions_of(masks), types, seed, landmarks, root, problems
    )


def _check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
    return mask_problems(values, context)


lfw_pairs.check = _check  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Reader:
    path: Path
    photos: NumberedPhotos
    problems: Problems
    gathering: Gathering

    def read(self) -> None:
        (head, first), *lines = read_lines(self.path)
        folds, size = self._header(head, first)
        for number, (place, line) in enumerate(lines):
            self._pair(place, words_of(line), number // (2 * size), number % (2 * size) < size)
        if len(lines) != 2 * folds * size:
            self.problems.add(
                self.path, f"{len(lines)} pairs, but {folds} x 2 x {size} are announced; is the file complete?"
            )

    def _header(self, place: Mark, line: str) -> tuple[int, int]:
        numbers = [whole_number(word) for word in line.split()]
        numbers = numbers if len(numbers) == 2 else [1, *numbers]
        folds, size = (numbers[0], numbers[1]) if len(numbers) == 2 else (None, None)
        if folds is None or size is None or folds < 1 or size < 1:
            raise UsageError(f"{place}: the first line must give folds and pairs per fold (10<TAB>300)")
        return folds, size

    def _pair(self, place: Mark, words: list[str], fold: int, same: bool) -> None:
        if len(words) != (3 if same else 4) or not all(words):
            self.problems.add(place, "expected 'Name i j'" if same else "expected 'Name i Other j'")
            return
        name, other = words[0], words[0] if same else words[2]
        first, second = whole_number(words[1]), whole_number(words[-1])
        if first is None or second is None or first < 1 or second < 1:
            self.problems.add(place, f"photos are numbered from 1, not {words[1]!r} and {words[-1]!r}")
        elif same and first == second:
            self.problems.add(place, "one photo on both sides of a pair")
        elif same or two_people(place, name, other, self.problems):
            left, right = self._photo(place, name, first), self._photo(place, other, second)
            self.gathering.pair(place, left, right, same, fold)

    def _photo(self, place: Mark, name: str, number: int) -> int:
        return self.gathering.photo(place, self.photos.find(place, name, number), name, masked=False)
