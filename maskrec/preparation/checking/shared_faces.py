"""People of one set found in another by their faces, which names do not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from maskrec.base.words import plain_name
from maskrec.preparation.checking.people_embeddings import PeopleEmbeddings
from maskrec.preparation.checking.shared_people import severity_of
from maskrec.preparation.face_sets import SetProblem

BLOCK = 2048


def find_shared_faces(
    people: Sequence[PeopleEmbeddings], apart: Sequence[tuple[int, int]], least: float
) -> Iterator[SetProblem]:
    """Two people of different names whose mean embeddings have a cosine of ``least`` or more.

    Args:
        people: of each set.
        apart: pairs of sets that must not share people; a set is also compared with itself, which gives warnings.
        least: cosine.
    """
    for one, other in [*((number, number) for number in range(len(people))), *apart]:
        left, right = people[one], people[other]
        rows, columns, cosines = alike(left.means, right.means, least, one == other)
        for row, column, cosine in sorted(zip(rows, columns, cosines, strict=True), key=lambda found: -found[2]):
            names = left.names[row], right.names[column]
            if plain_name(names[0]) != plain_name(names[1]):
                yield _found(left, right, int(row), int(column), float(cosine))


def _found(left: PeopleEmbeddings, right: PeopleEmbeddings, row: int, column: int, cosine: float) -> SetProblem:
    names = left.names[row], right.names[column]
    places = left.faces.place(left.photos[row]), right.faces.place(right.photos[column])
    if left is right:
        message = f"{names[0]!r} and {names[1]!r} look like one person (cosine {cosine:.3f})"
        return SetProblem.of("warning", "one_person", message, places, names, cosine)
    called = [f"{names[i]!r} of {(left, right)[i].faces.path}" for i in (0, 1)]
    message = f"{called[0]} and {called[1]} look like one person (cosine {cosine:.3f})"
    return SetProblem.of(severity_of(left.faces, right.faces), "in_both_by_face", message, places, names, cosine)


def alike(
    left: NDArray[np.float32], right: NDArray[np.float32], least: float, one_set: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Rows of ``left`` and ``right`` (unit vectors) with a cosine of ``least`` or more; the matrix product in blocks.

    Args:
        left: ``(n, d)``.
        right: ``(m, d)``.
        least: cosine.
        one_set: whether both are the same rows: each pair once, no row with itself.

    Returns:
        Rows, columns and cosines.
    """
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for top in range(0, len(left), BLOCK):
        for side in range(top if one_set else 0, len(right), BLOCK):
            cosines = left[top : top + BLOCK] @ right[side : side + BLOCK].T
            rows, columns = np.nonzero(cosines >= least)
            keep = rows + top < columns + side if one_set else np.ones(len(rows), np.bool_)
            rows, columns = rows[keep], columns[keep]
            found.append((rows + top, columns + side, cosines[rows, columns]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    rows_, columns_, cosines_ = zip(*found, strict=True)
    return np.concatenate(rows_), np.concatenate(columns_), np.concatenate(cosines_)
