"""Notes on photos that are enrolled: a name that may be misspelt, a face that looks like somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.inference.galleries.enrolling import FaceToEnrol
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.person_names import near_name
from maskrec.inference.galleries.repeated_photos import copy_notes, refuse_enrolled

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel


def compared_with_enrolled(name: str, new: Sequence[FaceToEnrol], file: GalleryFile, model: FaceModel) -> list[str]:
    """Compare new faces with a gallery's: those of photos that are enrolled are refused, others noted.

    Args:
        name: of the person, as it is kept.
        new: their new faces, at least one.
        file: the gallery; its embeddings are read once, a block at a time.
        model: that it is of.

    Returns:
        What is to be checked, a sentence each.

    Raises:
        UsageError: a photo is enrolled already, or the file is damaged.
    """
    faces, photos = [each.new for each in new], [each.name for each in new]
    near = file.near(faces)
    if not len(near.faces.people):
        return list(copy_notes(name, faces, photos, near.faces))
    loaded = LoadedGallery(near.faces, model.decisions, model.origin, near.states)
    refuse_enrolled(name, faces, photos, loaded)
    return [*enrolment_notes(name, new, loaded), *copy_notes(name, faces, photos, near.faces)]


def enrolment_notes(name: str, new: Sequence[FaceToEnrol], loaded: LoadedGallery) -> Iterator[str]:
    """What is to be checked, a sentence each.

    Args:
        name: of the person, as it is kept.
        new: their new faces, at least one.
        loaded: the gallery before, or its part near these faces; at least one face is enrolled.
    """
    if name not in loaded.faces.names and (near := near_name(name, loaded.faces.names)):
        yield f"{name} is a new person; did you mean {escaped(near)}, who is enrolled?"
    rows = np.stack([each.new.embedding for each in new])
    try:
        searched = loaded.search([each.face for each in new], rows, SearchSettings(top=1))
    except UsageError as error:
        yield f"whether somebody else of the gallery is on the photos was not looked at: {error}"
        return
    for each, answer in zip(new, searched, strict=True):
        if isinstance(answer, UsageError):
            yield f"{each.name}: whether somebody else of the gallery is on it was not looked at: {answer}"
        elif (found := answer.found) is not None and found.name != name:
            yield (
                f"{each.name} looks like {escaped(found.name)}, who is enrolled: distance {found.distance:.4f}, at or "
                f"below the threshold {found.threshold:.4f}; check the photo"
            )
