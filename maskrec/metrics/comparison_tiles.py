"""All comparisons between images, tile by tile, so that no matrix of all distances is ever held.

Two images of one photo (its copies with and without a mask) are never compared. Distances are L2 between unit
embeddings, computed in float64 as sqrt(2 - 2 cos): right to 1e-15 near 1, and to 3e-8 below 1e-7, where the difference
cancels; a bin of the histograms is 5e-4 wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.arrays import Floats
from maskrec.metrics.distances import normalise

Indices = NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Receives the comparisons that are done and all of them."""

IMPOSTOR, GENUINE, SKIPPED = 0, 1, 2

TILE_SIDE = 1024  # images: a tile of float64 is 8 MB


@dataclass(frozen=True, slots=True, eq=False)
class ComparedImages:
    """The embeddings that are compared, sorted so that those of a condition, and of a person, are neighbours.

    Args:
        rows: float64 ``(n, d)`` of unit length, bare images first, each part by person.
        people: int64 ``(n,)``, from 0 without gaps.
        photos: int64 ``(n,)``.
        bare: how many images wear no mask.
        places: int64 ``(n,)``, where each row was in the caller's arrays.
        names: int64 ``(people,)``, the caller's number of each person.
    """

    rows: Floats
    people: Indices
    photos: Indices
    bare: int
    places: Indices
    names: Indices


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonTile:
    """Comparisons of some images with some others.

    Args:
        condition: index into ``CONDITIONS``.
        rows: places in ``ComparedImages`` of the one side.
        columns: of the other side.
        distances: float64 ``(rows, columns)``.
        kinds: int8 ``(rows, columns)``: ``IMPOSTOR``, ``GENUINE``, or ``SKIPPED`` for what is not a comparison or is in
            another place; None where all compare images of two people.
    """

    condition: int
    rows: slice
    columns: slice
    distances: Floats
    kinds: NDArray[np.int8] | None

    def of_kind(self, kind: int) -> Floats:
        """The distances of the comparisons of one kind, ``(m,)``."""
        if self.kinds is None:
            return self.distances.ravel() if kind == IMPOSTOR else np.empty(0)
        chosen: Floats = self.distances[self.kinds == kind]
        return chosen


def sorted_images(embeddings: ArrayLike, people: ArrayLike, masked: ArrayLike, photos: ArrayLike) -> ComparedImages:
    """Check and sort what is to be compared.

    Args:
        embeddings: ``(n, d)``, of any length but zero.
        people: int ``(n,)``, who each image shows.
        masked: bool ``(n,)``, whether the face wears a mask.
        photos: int ``(n,)``, the photo that each image was made from.

    Raises:
        ValueError: shapes that differ, numbers that are not finite or not whole, or a photo of two people.
    """
    rows = normalise(embeddings)
    who, wearing, photo = np.asarray(people), np.asarray(masked), np.asarray(photos)
    for name, column, kind in (("people", who, "iu"), ("masked", wearing, "b"), ("photos", photo, "iu")):
        if column.shape != (len(rows),) or column.dtype.kind not in kind:
            expected = "bools" if kind == "b" else "whole numbers"
            raise ValueError(
                f"{name} must be {len(rows)} {expected}, one for each embedding, not {column.dtype} of shape "
                f"{column.shape}"
            )
    names, person = np.unique(who.astype(np.int64), return_inverse=True)
    _check_photos(photo, person)
    order = np.lexsort((person, wearing))
    bare = int(np.count_nonzero(~wearing))
    return ComparedImages(rows[order], person[order], photo[order].astype(np.int64), bare, order, names)


def _check_photos(photos: Indices, people: Indices) -> None:
    order = np.argsort(photos, kind="stable")
    photo, person = photos[order], people[order]
    shared = np.flatnonzero((photo[1:] == photo[:-1]) & (person[1:] != person[:-1]))
    if len(shared):
        raise ValueError(
            f"photo {photo[shared[0]]} is given to two people, but each photo shows one; check the columns people and "
            "photos"
        )


def tiles(
    images: ComparedImages,
    progress: Progress | None = None,
    conditions: Sequence[int] = range(len(CONDITIONS)),
    side: int = TILE_SIDE,
) -> Iterator[ComparisonTile]:
    """Every comparison of two images once, in tiles of at most ``side`` x ``side``.

    Args:
        images: what is compared.
        progress: receives the comparisons that are done and all of them, after each tile.
        conditions: which ones, as indices into ``CONDITIONS``.
        side: images.
    """
    work = [(c, rows, columns) for c in conditions for rows, columns in tile_places(images, c, side)]
    done, every = 0, sum(_area(rows, columns) for _, rows, columns in work)
    for condition, rows, columns in work:
        yield _tile(images, condition, rows, columns)
        done += _area(rows, columns)
        if progress is not None:
            progress(done, every)


def _area(rows: slice, columns: slice) -> int:
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def tile_places(images: ComparedImages, condition: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of a condition's tiles; within bare and within masked images those on and over the diagonal."""
    bare, masked = range(images.bare), range(images.bare, len(images.rows))
    across, along = ((bare, bare), (bare, masked), (masked, masked))[condition]
    for rows in _cut(across, side):
        for columns in _cut(along, side):
            if condition == 1 or columns.start >= rows.start:
                yield rows, columns


def _cut(part: range, side: int) -> Iterator[slice]:
    for start in range(part.start, part.stop, side):
        yield slice(start, min(start + side, part.stop))


def _tile(images: ComparedImages, condition: int, rows: slice, columns: slice) -> ComparisonTile:
    distances = images.rows[rows] @ images.rows[columns].T
    distances *= -2
    distances += 2
    np.maximum(distances, 0, out=distances)
    np.sqrt(distances, out=distances)
    return ComparisonTile(condition, rows, columns, distances, tile_kinds(images, rows, columns))


def tile_kinds(images: ComparedImages, rows: slice, columns: slice) -> NDArray[np.int8] | None:
    """The kinds of a tile's comparisons, as in ``ComparisonTile``."""
    one, other = images.people[rows], images.people[columns]
    if one[0] > other[-1] or other[0] > one[-1]:
        return None
    kinds: NDArray[np.int8] = (one[:, None] == other[None, :]).astype(np.int8) * np.int8(GENUINE)
    kinds[images.photos[rows][:, None] == images.photos[columns][None, :]] = SKIPPED
    if rows == columns:
        kinds[np.tri(len(one), dtype=np.bool_)] = SKIPPED
    return kinds
