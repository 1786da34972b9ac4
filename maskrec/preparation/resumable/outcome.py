"""What becomes of a group of photos: files, rows, and photos without a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from maskrec.preparation.sources.photo_columns import Item


@dataclass(frozen=True, slots=True)
class Rejected:
    """A photo that gave no face.

    Args:
        source: its key.
        reason: a word: ``no_face``, ``several_faces``, ``unreadable``, ...
        detail: a sentence.
    """

    source: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a group's photos; each is in a row's ``source`` or in ``rejected``.

    Args:
        files: path (relative to the data set's folder) and content.
        rows: of faces.csv, by column, without ``target``; each has ``path``, ``identity`` and ``source``.
        rejected: the others.
    """

    files: list[tuple[str, bytes]] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class Process(Protocol):
    """The processing of a group; pickled once for every worker process, which gives it one thread."""

    def __call__(self, items: Sequence[Item], names: Sequence[str]) -> Outcome:
        """The outcome, a function of the arguments alone; ``names`` are the names for the photos' files."""
