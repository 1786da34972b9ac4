"""Photos to answers: the faces of each photo found, embedded and searched in a gallery that is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.search_answer import SearchAnswer, SearchedFace
from maskrec.inference.photos.face_finding import without_face
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.photo_input import NamedPhoto, UnreadPhoto

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel

_PHOTOS = 32  # whose faces are found and searched together
_PIXELS = 50_000_000  # of decoded photos held in memory

ReadPhoto = NamedPhoto | UnreadPhoto


def search_photos(
    model: FaceModel, loaded: LoadedGallery, photos: Sequence[ReadPhoto], settings: SearchSettings
) -> list[SearchAnswer | UsageError]:
    """The answer to each photo, or why it has none.

    Args:
        model: finds and embeds faces.
        loaded: at least one face is enrolled.
        photos: in memory, or unread.
        settings: how they are searched.

    Raises:
        UsageError: the model's error rates were not measured.
    """
    read = [photo for photo in photos if isinstance(photo, NamedPhoto)]
    embedded = iter(_embedded(model, read, _faces(model, read, settings)))
    answers: list[SearchAnswer | UsageError] = []
    waiting: list[tuple[int, NamedPhoto, list[Face], NDArray[np.float32]]] = []
    for photo in photos:
        found = UsageError(photo.reason) if isinstance(photo, UnreadPhoto) else next(embedded)
        if isinstance(found, UsageError):
            answers.append(found)
        else:
            waiting.append((len(answers), photo, *found))  # type: ignore[arg-type]
            answers.append(UsageError(photo.name))  # takes the place of the answer
    if waiting:
        rows = np.concatenate([each for *_, each in waiting])
        searched = iter(loaded.search([face for _, _, faces, _ in waiting for face in faces], rows, settings))
        for place, photo, faces, _ in waiting:
            answers[place] = _answer(model, photo, [next(searched) for _ in faces])
    return answers


def in_batches(photos: Iterator[ReadPhoto]) -> Iterator[list[ReadPhoto]]:
    """Photos, as many at a time as are searched together."""
    batch: list[ReadPhoto] = []
    pixels = 0
    for photo in photos:
        batch.append(photo)
        pixels += photo.pixels.shape[0] * photo.pixels.shape[1] if isinstance(photo, NamedPhoto) else 0
        if len(batch) == _PHOTOS or pixels >= _PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _faces(model: FaceModel, photos: Sequence[NamedPhoto], settings: SearchSettings) -> list[list[Face] | UsageError]:
    """The faces of each photo, from left to right, with the mask states that were given."""
    found: list[list[Face] | UsageError] = []
    if settings.aligned:
        one = model.source.intended(photos, True, "only")
        found += [face if isinstance(face, UsageError) else [face] for face in one]
    else:
        every = model.source.find(photos)
        found += [faces or without_face(photo.name) for photo, faces in zip(photos, every, strict=True)]
    if (masked := settings.masked) is None:
        return found
    return [each if isinstance(each, UsageError) else [replace(face, masked=masked) for face in each] for each in found]


def _embedded(
    model: FaceModel, photos: Sequence[NamedPhoto], found: Sequence[list[Face] | UsageError]
) -> list[tuple[list[Face], NDArray[np.float32]] | UsageError]:
    """The faces of each photo with their rows; where all together fail, each photo alone."""
    every = [face.image for each in found if not isinstance(each, UsageError) for face in each]
    answers: list[tuple[list[Face], NDArray[np.float32]] | UsageError] = []
    try:
        rows = model.unit_rows(np.stack(every)) if every else np.empty((0, 0), np.float32)
    except UsageError as error:
        if len(photos) == 1:
            return [error]
        for photo, each in zip(photos, found, strict=True):
            answers += _embedded(model, [photo], [each])
        return answers
    start = 0
    for each in found:
        if isinstance(each, UsageError):
            answers.append(each)
        else:
            answers.append((each, rows[start : start + len(each)]))
            start += len(each)
    return answers


def _answer(
    model: FaceModel, photo: NamedPhoto, searched: Sequence[SearchedFace | UsageError]
) -> SearchAnswer | UsageError:
    faces = []
    for each in searched:
        if isinstance(each, UsageError):
            refused = UsageError(f"{photo.name}: {each}")
            refused.__cause__ = each.__cause__  # says how many people it takes
            return refused
        faces.append(each)
    return SearchAnswer(photo.name, tuple(faces), tuple(_notes(model, photo, faces)))


def _notes(model: FaceModel, photo: NamedPhoto, faces: Sequence[SearchedFace]) -> Iterator[str]:
    yield from model.notes
    if photo.note:
        yield photo.note
    if any(each.uncertain for face in faces for each in face.risk.thresholds.values()):
        yield (
            "of some faces it is not known whether they wear masks, so the most cautious of the possible conditions "
            "counts: the lowest threshold and the lowest odds"
        )
    yield from model.decisions.notes
