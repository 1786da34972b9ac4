"""All faces of some photos, found and embedded, with what tells whether they can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.detection.face_choice import SURE
from maskrec.inference.galleries.enrolling import quality_of
from maskrec.inference.galleries.photo_search import in_batches
from maskrec.inference.galleries.quality_bounds import QualityBounds
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.photo_input import GivenPhotos, NamedPhoto, Photo, UnreadPhoto

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel


@dataclass(frozen=True, slots=True, eq=False)
class FolderFace:
    """A face of a photo.

    Args:
        photo: place of the photo among those that were given.
        number: of the face in its photo, from 1, from left to right, as ``find`` counts.
        face: as it was found.
        row: float32 ``(d,)`` of unit length.
        poor: why it is not compared: ``tiny``, ``blurred`` or ``unsure``; "" where it is.
    """

    photo: int
    number: int
    face: Face
    row: NDArray[np.float32]
    poor: str


@dataclass(frozen=True, slots=True, eq=False)
class FolderFaces:
    """The faces of photos.

    Args:
        faces: in the order of the photos, from left to right.
        rejected: photos that cannot be read, a sentence each.
        empty: how many photos have no face.
    """

    faces: tuple[FolderFace, ...]
    rejected: tuple[str, ...]
    empty: int


def faces_of_photos(
    model: FaceModel, photos: Sequence[Photo], progress: Callable[[int], None] | None = None
) -> FolderFaces:
    """Find and embed every face.

    Args:
        model: does both.
        photos: each as for ``FaceModel.find``.
        progress: is called with the number of photos that are done.
    """
    found: list[FolderFace] = []
    rejected: list[str] = []
    done = empty = 0
    for batch in in_batches(GivenPhotos(photos, False).read()):
        read = [(done + place, photo) for place, photo in enumerate(batch) if isinstance(photo, NamedPhoto)]
        rejected += [photo.reason for photo in batch if isinstance(photo, UnreadPhoto)]
        per_photo = model.source.find([photo for _, photo in read])
        empty += sum(not faces for faces in per_photo)
        found += _embedded(model, [place for place, _ in read], per_photo)
        done += len(batch)
        if progress is not None:
            progress(done)
    return FolderFaces(tuple(found), tuple(rejected), empty)


def _embedded(model: FaceModel, places: Sequence[int], per_photo: Sequence[Sequence[Face]]) -> Iterator[FolderFace]:
    faces = [face for several in per_photo for face in several]
    if not faces:
        return
    rows = iter(model.unit_rows(np.stack([face.image for face in faces])))
    for place, several in zip(places, per_photo, strict=True):
        for number, face in enumerate(several, start=1):
            yield FolderFace(place, number, face, next(rows), poor_reason(face))


def poor_reason(face: Face, bounds: QualityBounds | None = None) -> str:
    """Why a face is not compared; "" where it is."""
    bounds = bounds or QualityBounds()
    quality = quality_of(face)
    if quality.score is not None and quality.score < SURE:
        return "unsure"
    if quality.eyes_apart is not None and quality.eyes_apart < bounds.eyes_apart:
        return "tiny"
    return "blurred" if quality.sharpness is not None and quality.sharpness < bounds.sharpness else ""
