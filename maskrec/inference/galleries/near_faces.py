"""The part of a gallery that new faces are compared with before they are enrolled.

Whether a picture is enrolled already, in whatever file, and whether somebody else is on it, is said by the nearest
faces, so every embedding is looked at once. What is kept of them are all faces of the nearest people: of a million
faces some dozen, instead of two gigabytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.inference.galleries.embedding_reading import BlockSize, look_at_embeddings
from maskrec.inference.galleries.enrolled import EnrolledFaces, PhotoHashes
from maskrec.inference.galleries.gallery_reading import (
    people_of,
    places_of_people,
    require_distinct,
    require_lengths,
)
from maskrec.inference.galleries.row_blocks import ROW, RowBlock, joined, read_block, rows_of_blocks
from maskrec.inference.galleries.row_index import ROUNDING

Rows32 = NDArray[np.float32]
Indices = NDArray[np.int64]

_KEPT = ["face", "person", "masked"]  # of each row


class NearFaces(NamedTuple):
    """The faces that new ones are compared with.

    Args:
        faces: all of the people who are nearest to a new face among the faces of any mask state, and of those who may
            have its photo; in the gallery's order, with the names of everybody.
        states: how many faces of each mask state the whole gallery has.
    """

    faces: EnrolledFaces
    states: Mapping[int, int]


def read_near_faces(
    readers: Sequence[sqlite3.Connection], width: int, new: Rows32, photo_sha256: Sequence[str]
) -> NearFaces:
    """Look for new faces in a gallery, without reading it into memory.

    Args:
        readers: connections that see one moment; each reads embeddings in a thread of its own.
        width: d.
        new: ``(p, d)`` of unit length.
        photo_sha256: of their photos, in hexadecimal.

    Raises:
        DamagedGalleryError: something that is read is damaged.
    """
    connection = readers[0]
    numbers, names = people_of(connection)
    require_lengths(connection, width)
    digests = np.frombuffer(b"".join(map(bytes.fromhex, photo_sha256)), "<u8").reshape(-1, 4)
    blocks: list[BlockSize] = []
    some, known, count = [np.empty(0, ROW)[_KEPT]], [], 0
    for place, rows in rows_of_blocks(connection):
        blocks.append(BlockSize(place, count, len(rows)))
        some.append(rows[_KEPT].copy())
        known += rows["person"][_may_have(rows, digests)].tolist()
        count += len(rows)
    every = np.concatenate(some)
    require_distinct(every["face"])
    people = places_of_people(every["person"], numbers)
    nearest = _NearestRows(new, every["masked"])
    look_at_embeddings(readers, blocks, width, nearest.look)
    chosen = np.isin(every["person"], [*known, *every["person"][nearest.places()].tolist()])
    part = joined(list(_blocks(connection, width, blocks, chosen)) or [RowBlock.empty(width)])
    states, counts = np.unique(every["masked"], return_counts=True)
    faces = EnrolledFaces(
        ids=part.rows["face"].astype(np.int64),
        people=people[chosen],
        names=tuple(names),
        embeddings=part.embeddings,
        masked=part.rows["masked"].copy(),
        quality=part.rows["quality"].astype(np.float32),
        photo_names=tuple(part.photo_names),
        photo_sha256=PhotoHashes(part.rows["photo"].copy()),
    )
    return NearFaces(faces, dict(zip(states.tolist(), counts.tolist(), strict=True)))


class _NearestRows:
    """Collects the rows that may be the nearest to each new face among those of each mask state.

    Args:
        new: ``(p, d)``.
        masked: int8 ``(n,)``, the mask state of every row.
    """

    def __init__(self, new: Rows32, masked: NDArray[np.int8]) -> None:
        self.new, self.masked = new, masked
        self._best: dict[int, Rows32] = {}
        self._found: list[tuple[int, Indices, Indices, Rows32]] = []

    def look(self, first: int, embeddings: Rows32) -> None:
        """Some rows, from this one on. In several threads: where two of them meet, a row too many is collected."""
        similar, masked = embeddings @ self.new.T, self.masked[first : first + len(embeddings)]
        for state in np.unique(masked).tolist():
            own = np.flatnonzero(masked == state)
            mine = similar[own]
            best = np.maximum(mine.max(axis=0), self._best.get(state, np.float32(-np.inf)))
            self._best[state] = best
            near, face = np.nonzero(mine >= best - ROUNDING)
            self._found.append((state, first + own[near], face, mine[near, face]))

    def places(self) -> Indices:
        """Those rows, the exactly nearest ones among them."""
        best: dict[int, Rows32] = {}
        for state, _, face, similar in self._found:
            np.maximum.at(best.setdefault(state, np.full(len(self.new), -np.inf, np.float32)), face, similar)
        near = [places[similar >= best[state][face] - ROUNDING] for state, places, face, similar in self._found]
        return np.unique(np.concatenate([np.empty(0, np.int64), *near]))


def _may_have(rows: NDArray[np.void], digests: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows may be of one of these photos, by the first eight of a digest's bytes."""
    return np.isin(np.ascontiguousarray(rows["photo"]).view("<u8")[:, 0], digests[:, 0])


def _blocks(
    connection: sqlite3.Connection, width: int, blocks: Sequence[BlockSize], chosen: NDArray[np.bool_]
) -> Iterator[RowBlock]:
    for place, first, faces in blocks:
        if len(own := np.flatnonzero(chosen[first : first + faces])):
            yield read_block(connection, place, width).part(own)
