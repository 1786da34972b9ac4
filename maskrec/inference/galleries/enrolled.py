"""What a gallery holds: people, their faces, and which model these were embedded with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class FaceQuality(NamedTuple):
    """How well a face can be seen; None where that was not measured.

    Args:
        eyes_apart: distance between the eyes, in pixels of the photo.
        sharpness: as the one who measured it defines it.
        score: the detector's confidence, 0 to 1.
    """

    eyes_apart: float | None = None
    sharpness: float | None = None
    score: float | None = None


class GalleryModel(NamedTuple):
    """Which model a gallery's rows are of.

    Args:
        fingerprint: SHA-256 in hexadecimal, the same for the same weights and input.
        width: d, how many numbers an embedding has.
        words: the model in one line, for people.
    """

    fingerprint: str
    width: int
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class NewFace:
    """One face to be enrolled.

    Args:
        embedding: float32 ``(d,)`` of unit length.
        masked: whether it wears a mask; None where that is not known.
        quality: how well it can be seen.
        photo_name: the photo as the user named it.
        photo_sha256: of the photo's bytes, in hexadecimal; "" where it was not a file.
        photo: the photo's bytes, where it is to be kept.
    """

    embedding: NDArray[np.float32]
    masked: bool | None
    quality: FaceQuality
    photo_name: str
    photo_sha256: str
    photo: bytes | None = None


class PhotoHashes(Sequence[str]):
    """The SHA-256 of photos, each made a string when it is asked for: a million strings take long and 120 MB.

    Args:
        digests: uint8 ``(n, 32)``; zeros where not known.
    """

    def __init__(self, digests: NDArray[np.uint8]) -> None:
        self.digests = digests

    def __len__(self) -> int:
        return len(self.digests)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return PhotoHashes(self.digests[place])
        digest = self.digests[place].tobytes()
        return digest.hex() if any(digest) else ""

    def __iter__(self) -> Iterator[str]:
        return (digest.hex() if any(digest) else "" for digest in map(bytes, self.digests))


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledFaces:
    """All faces of a gallery, as arrays in one order.

    Args:
        ids: int64 ``(n,)``, each face's own number in the file, never used again.
        people: int64 ``(n,)``, places in ``names``.
        names: of the people, each once.
        embeddings: float32 ``(n, d)``, rows of unit length.
        masked: int8 ``(n,)``: 1 masked, 0 bare, -1 not known.
        quality: float32 ``(n, 3)`` as ``FaceQuality``, NaN where not known.
        photo_names: as the user named the photos; to be cleaned before they are printed, like ``names``.
        photo_sha256: in hexadecimal; "" where not known.
    """

    ids: NDArray[np.int64]
    people: NDArray[np.int64]
    names: tuple[str, ...]
    embeddings: NDArray[np.float32]
    masked: NDArray[np.int8]
    quality: NDArray[np.float32]
    photo_names: tuple[str, ...]
    photo_sha256: Sequence[str]


class EnrolledPerson(NamedTuple):
    """A person of a gallery.

    Args:
        name: to be cleaned before it is printed.
        faces: how many are enrolled.
        masked: how many of them wear a mask.
        bare: how many do not.
        unknown: of how many that is not known.
        added: when the first and the last were enrolled: UTC, as ``2026-11-30T14:05:10Z``.
        photos_kept: how many of the photos themselves are in the file.
    """

    name: str
    faces: int
    masked: int
    bare: int
    unknown: int
    added: tuple[str, str]
    photos_kept: int


class Removed(NamedTuple):
    """What became of a person that was removed, in whole or in part.

    Args:
        name: as it was enrolled.
        faces: how many were removed; of somebody who was renamed 0.
        wiped: whether nothing of them is left in the gallery's files.
        reason: why something is still there, as a part of a sentence; "" where nothing is.
    """

    name: str
    faces: int
    wiped: bool
    reason: str = ""
