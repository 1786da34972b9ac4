"""Rows of the files that ``data pairs`` writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from maskrec.contracts.conditions import CONDITIONS
from maskrec.images.face_columns import PAIR_COLUMNS, columns_of
from maskrec.preparation.pairing.pair_sampling import Pair
from maskrec.preparation.pairing.splits import Image, Person

Row = Sequence[object]
Table = tuple[Sequence[str], list[Row]]  # the columns, and the rows in their order
_PAIR_HEADER = columns_of(
    *("path", "target", "pair_path", "pair_target", "condition", "masked", "pair_masked", "mask_type"),
    *("pair_mask_type", "identity", "pair_identity", "photo", "pair_photo"),
    known=PAIR_COLUMNS,
)


def seen_from(folder: Path, path: str) -> str:
    """A path relative to the folder, which is where its CSV lies, with "/" between its parts."""
    return _seen_from(folder, path, os.getcwd())  # noqa: PTH109 - a Path for every photo is slow


@lru_cache(maxsize=1 << 20)
def _seen_from(folder: Path, path: str, current: str) -> str:
    """Relative ones are others in another current folder."""
    return Path(os.path.relpath(path, os.path.realpath(folder))).as_posix()


def train_rows(images: Sequence[Image], out: Path) -> Table:
    """``path,target,identity,masked``, with masks also ``mask_type,source``, and the landmarks if there are any.

    Targets count from 0 without gaps.
    """
    numbers = {name: number for number, name in enumerate(sorted({i.face.identity for i in images}))}
    with_types = any(image.face.mask_type for image in images)
    types = ("mask_type", "source") if with_types else ()
    points = ("landmarks",) if images[0].face.landmarks else ()
    header = columns_of("path", "target", "identity", "masked", *types, *points)
    rows = []
    for image in images:
        face = image.face
        worn = [face.mask_type, image.photo] if with_types else []
        row = [seen_from(out, face.path), numbers[face.identity], face.identity, int(face.masked), *worn]
        rows.append([*row, *face.landmarks])
    return header, sorted(rows, key=lambda row: (row[1], row[0]))


def pair_rows(pairs: Sequence[Pair], out: Path, people: Sequence[Person]) -> Table:
    """The reference's four columns; which face wears a mask, present or put on, and its type; the identities."""
    numbers = {person.identity: person.number for person in people}
    rows: list[Row] = []
    for pair in pairs:
        left, right = (image.face for image in pair)
        wearing = sum(bool(image.put_on or image.face.masked) for image in pair)
        named = [item for face in (left, right) for item in (seen_from(out, face.path), numbers[face.identity])]
        worn = [CONDITIONS[wearing], int(left.masked), int(right.masked), *(image.mask_type for image in pair)]
        rows.append([*named, *worn, left.identity, right.identity, *(image.photo for image in pair)])
    return _PAIR_HEADER, rows


def landmark_rows(images: Iterable[Image], out: Path) -> Table:
    """``path`` and the five points of every file that occurs in a pair, once."""
    points = {seen_from(out, image.face.path): image.face.landmarks for image in images}
    return columns_of("path", "landmarks"), [[path, *points[path]] for path in sorted(points)]
