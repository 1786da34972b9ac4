"""A data set of faces as found, with its faults beside what can be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.images.face_table import Faults

Role = Literal["train", "evaluation", "test", ""]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that the user should look at.

    Args:
        severity: ``error`` where training or measuring would be wrong, ``warning`` where a person must judge.
        kind: a word such as ``unreadable``; findings of one kind are reported together.
        message: one sentence.
        places: the places it concerns: ``FILE:LINE``, or paths.
        people: the people it concerns, by name.
        value: how many bits differ, or the cosine, where one was measured.
    """

    severity: Severity
    kind: str
    message: str
    places: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    value: float | None = None


class NotedFaults(Faults):
    """Faults of a table, recorded as findings of one kind; ``stop_if_any`` does not apply to them."""

    def __init__(self, findings: list[Finding], kind: str) -> None:
        super().__init__()
        self.findings, self.kind = findings, kind
        self.places: set[str] = set()

    def add(self, place: str | Path, sentence: str) -> None:
        """Record one fault; ``place`` is ``FILE`` or ``FILE:LINE``."""
        self.places.add(str(place))
        self.findings.append(Finding("error", self.kind, sentence, (str(place),)))


@dataclass(slots=True)
class FaceSet:
    """Photos with their people, one entry per photo; columns instead of objects, so that millions fit in memory.

    Args:
        path: the file or folder, as the user named it.
        role: training, evaluation or test; "" where not given.
        kind: ``faces.csv``, ``table``, ``pairs``, or a source's kind (``folder``, ``rec``, ``tar``, ...).
        names: of the photos, in the set.
        people: each photo's person; "" where unknown.
        read: the bytes of photo i; raises UsageError.
        named: whether people have names that mean the same in other sets.
        base: the folder that names are relative to; None where photos are not separate files.
        lines: the line that names each photo, where a table does.
        landmarks: float32 ``(n, 5, 2)`` in pixels of each photo, NaN where broken or missing; None without any.
        sources: the photo that each was made from; "" where unknown.
        masked: whether a mask is on.
        mask_types: its name, or "".
        findings: what was wrong with the listing itself.
        notes: what the user should know that is not a fault.
    """

    path: Path
    role: Role
    kind: str
    names: Sequence[str]
    people: Sequence[str]
    read: Callable[[int], bytes]
    named: bool = True
    base: Path | None = None
    lines: Sequence[int] | None = None
    landmarks: NDArray[np.float32] | None = None
    sources: Sequence[str] | None = None
    masked: NDArray[np.bool_] | None = None
    mask_types: Sequence[str] | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def group(self) -> str:
        """Sets of one group are never compared with each other: those of one role, else each set alone."""
        return self.role or f"\0{self.path}"

    def photo(self, index: int) -> str:
        """A photo's name in findings: a path that the user can open, or the archive and the name in it."""
        name = self.names[index]
        if self.base is None:
            return f"{self.path}: {name}"
        return name if os.path.isabs(name) else os.path.normpath(os.path.join(self.base, name))  # noqa: PTH117, PTH118

    def place(self, index: int) -> str:
        """``FILE:LINE: photo`` where a table names it, else the photo."""
        return self.photo(index) if self.lines is None else f"{self.path}:{self.lines[index]}: {self.photo(index)}"

    def real(self, index: int) -> str:
        """The same text for the same photo in every set."""
        return f"{os.path.realpath(self.path)}\0{self.names[index]}" if self.base is None else self._file(index)

    def _file(self, index: int) -> str:
        from maskrec.images.photos import place_of

        assert self.base is not None
        return place_of(self.base, self.names[index])

    def error(self, kind: str, message: str, *places: str, people: Sequence[str] = ()) -> None:
        """Record an error."""
        self.findings.append(Finding("error", kind, message, places, tuple(people)))

    def warn(self, kind: str, message: str, *places: str, people: Sequence[str] = ()) -> None:
        """Record a warning."""
        self.findings.append(Finding("warning", kind, message, places, tuple(people)))


def nothing(index: int) -> bytes:
    """The ``read`` of a set without photos."""
    raise IndexError(index)
