"""A data set of faces as found, with its problems beside what can be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from maskrec.contracts.problem import Mark, Problem, Problems
from maskrec.images.photos import place_of
from maskrec.preparation.sources.photo_columns import PhotoColumns

Role = Literal["train", "evaluation", "test", ""]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class SetProblem(Problem):
    """Something wrong with data sets, or (a note, shown as a warning) something that a person must judge.

    Args:
        kind: a word such as ``unreadable``; problems of one kind are reported together.
        places: the places it concerns: ``FILE:LINE``, or paths.
        people: the people it concerns, by name.
        value: how many bits differ, or the cosine, where one was measured.
    """

    kind: str = ""
    places: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    value: float | None = None

    @property
    def severity(self) -> Severity:
        """``error`` where training or measuring would be wrong, else ``warning``."""
        return "warning" if self.note else "error"

    @classmethod
    def of(
        cls,
        severity: Severity,
        kind: str,
        message: str,
        places: Sequence[str] = (),
        people: Sequence[str] = (),
        value: float | None = None,
    ) -> SetProblem:
        """A problem from what it is about."""
        note = severity == "warning"
        return cls(message, note=note, kind=kind, places=tuple(places), people=tuple(people), value=value)


def _nothing(index: int) -> bytes:
    """The ``read`` of a set without photos."""
    raise IndexError(index)


@dataclass(kw_only=True, eq=False)
class FaceSet(PhotoColumns):
    """A data set as it is found: its photos in the order of its listing, and what is wrong with it.

    Args:
        path: the file or folder, as the user named it.
        role: training, evaluation or test; "" where not given.
        kind: ``faces.csv``, ``table``, ``pairs``, or a source's kind (``folder``, ``rec``, ``tar``, ...).
        read: the bytes of photo i; raises UsageError.
        named: whether people have names that mean the same in other sets.
        base: the folder that names are relative to; None where photos are not separate files.
        lines: the line that names each photo, where a table does.
        sources: the photo that each was made from; "" where unknown.
        problems: what was wrong with the listing itself.
        notes: what the user should know that is not a problem.
    """

    path: Path
    role: Role
    kind: str
    names: Sequence[str] = ()
    people: Sequence[str] = ()
    read: Callable[[int], bytes] = _nothing
    named: bool = True
    base: Path | None = None
    lines: Sequence[int] | None = None
    sources: Sequence[str] | None = None
    problems: list[SetProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def group(self) -> str:
        """Sets of one group are never compared with each other: those of one role, else each set alone."""
        return self.role or f"\0{self.path}"

    def photo(self, index: int) -> str:
        """A photo's name in problems: a path that the user can open, or the archive and the name in it."""
        name = self.names[index]
        if self.base is None:
            return f"{self.path}: {name}"
        return name if os.path.isabs(name) else os.path.normpath(os.path.join(self.base, name))  # noqa: PTH117, PTH118

    def place(self, index: int) -> str:
        """``FILE:LINE: photo`` where a table names it, else the photo."""
        return self.photo(index) if self.lines is None else f"{self.mark(index)}: {self.photo(index)}"

    def mark(self, index: int) -> Mark:
        """The line of the table that names a photo; the set itself where no table does."""
        return Mark(str(self.path), 0 if self.lines is None else self.lines[index])

    def real(self, index: int) -> str:
        """The same text for the same photo in every set."""
        return f"{os.path.realpath(self.path)}\0{self.names[index]}" if self.base is None else self._file(index)

    def _file(self, index: int) -> str:
        assert self.base is not None
        return place_of(self.base, self.names[index])

    def error(self, kind: str, message: str, *places: str, people: Sequence[str] = ()) -> None:
        """Record an error."""
        self.problems.append(SetProblem.of("error", kind, message, places, people))

    def warn(self, kind: str, message: str, *places: str, people: Sequence[str] = ()) -> None:
        """Record a warning."""
        self.problems.append(SetProblem.of("warning", kind, message, places, people))

    def take(self, kind: str, problems: Problems) -> None:
        """Record the problems of reading a file as errors of one kind."""
        for problem in problems.entries:
            self.error(kind, problem.message, str(problem.mark))
