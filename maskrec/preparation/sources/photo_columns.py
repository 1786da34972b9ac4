"""The photos of a set in columns: who is on each, its landmarks, its mask; one photo at a time as a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Item:
    """One photo: a row of ``PhotoColumns``.

    Args:
        key: its name, unique in a source, the same on every machine; ``/`` separates folders.
        identity: the person on it; empty where the source does not say.
        place: where the reader of its source finds the bytes.
        landmarks: ten numbers, the five points in pixels of the photo, where the source gives them.
        box: left, top, right, bottom, likewise.
        masked: whether the source says that a mask is on.
        mask_type: its name, where the source gives one.
    """

    key: str
    identity: str
    place: Any = None
    landmarks: tuple[float, ...] | None = None
    box: tuple[float, ...] | None = None
    masked: bool = False
    mask_type: str = ""


@dataclass(eq=False)
class PhotoColumns(Sequence[Item]):
    """Photos with their people, an entry a photo; columns instead of objects, so that millions fit in memory.

    Args:
        names: of the photos, in the set.
        people: each photo's person; "" where unknown.
        places: where a reader finds each photo's bytes; empty where nobody asks.
        landmarks: ``(n, 5, 2)`` in pixels of each photo, NaN where broken or missing; None without any.
        boxes: ``(n, 4)`` left, top, right, bottom; None without.
        masked: whether a mask is on; None where the set does not say.
        mask_types: its name, or ""; likewise.
    """

    names: Sequence[str]
    people: Sequence[str]
    places: Sequence[Any] = ()
    landmarks: NDArray[Any] | None = None
    boxes: NDArray[np.float64] | None = None
    masked: NDArray[np.bool_] | None = None
    mask_types: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        """A photo, or those of a slice."""
        if isinstance(index, slice):
            return list(self._rows(index))
        number = range(len(self))[index]
        return next(self._rows(slice(number, number + 1)))

    def __iter__(self) -> Iterator[Item]:
        return self._rows(slice(None))

    def _rows(self, part: slice) -> Iterator[Item]:
        names = self.names[part]
        count = len(names)
        return map(
            Item,
            names,
            self.people[part],
            self.places[part] if len(self.places) else repeat(None, count),
            _tuples(self.landmarks, part, count),
            _tuples(self.boxes, part, count),
            repeat(False, count) if self.masked is None else self.masked[part].tolist(),
            repeat("", count) if self.mask_types is None else self.mask_types[part],
        )

    def by_name(self) -> PhotoColumns:
        """The same photos in the order of their names."""
        order = sorted(range(len(self)), key=self.names.__getitem__)

        def texts(column: Sequence[Any]) -> list[Any]:
            return [column[number] for number in order]

        def rows(column: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if column is None else column[order]

        types = None if self.mask_types is None else texts(self.mask_types)
        places = texts(self.places) if self.places else ()
        sides = rows(self.landmarks), rows(self.boxes), rows(self.masked)
        return PhotoColumns(texts(self.names), texts(self.people), places, *sides, types)


def _tuples(column: NDArray[Any] | None, part: slice, count: int) -> Iterator[tuple[float, ...] | None]:
    """Each row's numbers; None where there are none, or one of them is missing."""
    if column is None:
        return repeat(None, count)
    rows = column[part].reshape(count, math.prod(column.shape[1:]))
    there = np.isfinite(rows).all(1).tolist()
    return (tuple(row) if whole else None for row, whole in zip(rows.tolist(), there, strict=True))
