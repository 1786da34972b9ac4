"""Notes on photos that are enrolled: a name that may be misspelt, a face that looks like somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.inference.galleries.enrolling import FaceToEnrol
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.person_names import near_name


def enrolment_notes(name: str, new: Sequence[FaceToEnrol], loaded: LoadedGallery) -> Iterator[str]:
    """What is to be checked, a sentence each.

    Args:
        name: of the person, as it is kept.
        new: their new faces, at least one.
        loaded: the gallery before; at least one face is enrolled.
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
