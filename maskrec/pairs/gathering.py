"""Collects the pairs that a list of photos names, with everything wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import LARGEST_TABLE, read_regular
from maskrec.base.words import os_reason
from maskrec.contracts.problem import Mark, Problems
from maskrec.images.insightface.binfile import is_bin, not_a_text
from maskrec.images.photos import file_problem
from maskrec.pairs.photo_pairs import PhotoPairs


def read_lines(path: Path) -> list[tuple[Mark, str]]:
    """``FILE:LINE`` and text of every line that is not blank.

    Raises:
        UsageError: the file cannot be read, is not UTF-8, or has no such line.
    """
    content = b""
    try:
        content = read_regular(path, LARGEST_TABLE)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if is_bin(path, content) and not isinstance(error, OSError):
            raise UsageError(not_a_text(path)) from error
        raise UsageError(f"{path}: cannot be read as a list in UTF-8 ({os_reason(error)})") from error
    lines = text.replace("\r\n", "\n").split("\n")
    found = [(Mark(str(path), number), line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError(f"{path}: it has no lines; is it the right file?")
    return found


@dataclass(slots=True)
class Gathering:
    """Pairs of photos in their order, each photo once.

    Args:
        problems: collects the problems.
        published: whether the list is somebody's benchmark, which is measured as it is: a pair that is listed again,
            also with its sides exchanged, is then a caveat and not a problem.
        pairs: the pairs so far.
    """

    problems: Problems
    published: bool = False
    pairs: PhotoPairs = field(default_factory=lambda: PhotoPairs([], [], [], [], [], [], []))
    _photos: dict[str, int] = field(default_factory=dict)
    _first: dict[tuple[int, int], tuple[Mark | str, int]] = field(default_factory=dict)
    _again: list[str] = field(default_factory=list)

    def photo(self, place: Mark | str, path: str, identity: str, masked: bool) -> int:
        """A photo's index; a new one is checked for existence and recorded as a problem when missing."""
        index = self._photos.setdefault(path, len(self._photos))
        if index == len(self.pairs.paths):
            assert self.pairs.identities is not None
            self.pairs.paths.append(path)
            self.pairs.identities.append(identity)
            self.pairs.masked.append(masked)
            if said := file_problem(path):
                self.problems.add(place, f"{path}: {said}")
        return index

    def pair(self, place: Mark | str, left: int, right: int, same: bool, fold: int | None = None) -> None:
        """Add a pair; a photo with itself is a problem, and so is a pair that is listed twice."""
        if left == right:
            self.problems.add(place, f"one photo on both sides of a pair ({self.pairs.paths[left]})")
        number = len(self.pairs.left)
        before, first = self._first.setdefault((min(left, right), max(left, right)), (place, number))
        if first != number:
            turned = " with its sides exchanged" if left != self.pairs.left[first] else ""
            self._again.append(f"{place} is the same pair as {before}{turned}")
            if not self.published:
                self.problems.add(place, f"the same pair as in {before}{turned}; remove one")
        self.pairs.left.append(left)
        self.pairs.right.append(right)
        self.pairs.same.append(same)
        if fold is not None:
            assert self.pairs.folds is not None
            self.pairs.folds.append(fold)

    def finish(self, name: str) -> PhotoPairs:
        """All pairs; only same or only different ones is a problem."""
        if len(set(self.pairs.same)) == 1:
            kind = "one person" if self.pairs.same[0] else "two people"
            self.problems.add(name, f"only pairs of {kind}; both are needed")
        if self.published and self._again:
            self.pairs.caveat = f"pairs of {name} that are listed twice: {len(self._again)} ({self._again[0]})"
        self.pairs.folds = self.pairs.folds or None
        return self.pairs
