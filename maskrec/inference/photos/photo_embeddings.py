"""Embedding photos: rows of unit length, and the photos that gave none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.inference.photos.face_finding import WhichFace
from maskrec.inference.photos.intended_faces import FaceSource
from maskrec.inference.photos.photo_input import GivenPhotos, NamedPhoto, UnreadPhoto

_PHOTOS = 32  # photos whose faces are found and embedded together
_PIXELS = 50_000_000  # of decoded photos held in memory


@dataclass(frozen=True, slots=True)
class RejectedPhoto:
    """A photo that gave no embedding.

    Args:
        index: its place among the photos that were given.
        name: its path, or its place in words.
        reason: a sentence.
    """

    index: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Embeddings of photos.

    Args:
        rows: float32 ``(n, d)`` of unit length; ``(0, d)`` where no photo gave one.
        indices: for each row the place of its photo among those that were given.
        names: for each row its photo's name.
        rejected: the other photos.
    """

    rows: NDArray[np.float32]
    indices: tuple[int, ...]
    names: tuple[str, ...]
    rejected: tuple[RejectedPhoto, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        shape = " x ".join(str(side) for side in self.rows.shape)
        return f"Embeddings({shape}, {counted(len(self.rejected), 'photo')} rejected)"


@dataclass
class _Collected:
    """What was embedded so far.

    Args:
        width: of a row.
    """

    width: int
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    rejected: list[RejectedPhoto] = field(default_factory=list)

    def answer(self) -> Embeddings:
        rows = np.concatenate(self.rows) if self.rows else np.zeros((0, self.width), np.float32)
        rejected = sorted(self.rejected, key=lambda one: one.index)
        return Embeddings(rows, tuple(self.indices), tuple(self.names), tuple(rejected))


def embed_photos(
    source: FaceSource,
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    width: int,
    photos: GivenPhotos,
    *,
    aligned: bool = False,
    face: WhichFace = "only",
    bgr: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Embeddings:
    """Embed photos; each is in the answer, with a row or with the reason why it has none.

    Args:
        source: finds and aligns their faces.
        embed: aligned faces uint8 ``(n, S, S, 3)`` to rows of unit length.
        width: of a row.
        photos: read one by one, in order.
        aligned: whether they are aligned faces already.
        face: which face of a photo with several.
        bgr: whether arrays are blue, green, red.
        progress: is called with the number of photos that are done.
    """
    collected = _Collected(width)
    for batch in _read(photos, bgr, collected.rejected):
        faces = source.intended([photo for _, photo in batch], aligned, face)
        canvases = []
        for (index, photo), found in zip(batch, faces, strict=True):
            if isinstance(found, UsageError):
                collected.rejected.append(RejectedPhoto(index, photo.name, str(found)))
            else:
                canvases.append(found.image)
                collected.indices.append(index)
                collected.names.append(photo.name)
        if canvases:
            collected.rows.append(embed(np.stack(canvases)))
        if progress is not None:
            progress(len(collected.indices) + len(collected.rejected))
    return collected.answer()


def _read(photos: GivenPhotos, bgr: bool, rejected: list[RejectedPhoto]) -> Iterator[Sequence[tuple[int, NamedPhoto]]]:
    """Decoded photos with their places, some at a time; those that cannot be read go to ``rejected``."""
    batch: list[tuple[int, NamedPhoto]] = []
    pixels = 0
    for index, photo in enumerate(photos.read(bgr=bgr)):
        if isinstance(photo, UnreadPhoto):
            rejected.append(RejectedPhoto(index, photo.name, photo.reason))
            continue
        batch.append((index, photo))
        pixels += photo.pixels.shape[0] * photo.pixels.shape[1]
        if len(batch) == _PHOTOS or pixels >= _PIXELS:
            yield batch
            batch, pixels = [], 0
    yield batch
