"""Photos that are given twice, or are enrolled already: a person's second photo should say something new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.inference.galleries.enrolled import EnrolledFaces, NewFace
from maskrec.inference.galleries.loaded_gallery import LoadedGallery

COPIED = 0.25
"""L2 between embeddings of a face, within which it may be of one picture in two files.

Measured with MobileFaceNet (``benchmarks/real_faces/copied_photos.py``): a picture stored anew as JPEG of quality 80 is
within it in 95 of 100 cases, and of 14,508 pairs of photos of one person in LFW two are, both of one picture.
"""

_SAME_PICTURE = 1e-3  # L2 between embeddings of equal pixels, in whatever file; copies of less quality are further away
_SAME_FACE = 0.05  # of one face of one file, computed on other devices; two faces of a photo are further away


def refuse_repeated(new: Sequence[NewFace], names: Sequence[str]) -> None:
    """Refuse photos that are one file, or show one picture.

    Args:
        new: faces of one person, at least one.
        names: of their photos, as messages call them.

    Raises:
        UsageError: two of them do.
    """
    first: dict[str, str] = {}
    for each, name in zip(new, names, strict=True):
        if each.photo_sha256 in first:
            raise _refused(name, f"is the same photo as {first[each.photo_sha256]}")
        first[each.photo_sha256] = name
    rows = np.stack([each.embedding for each in new]).astype(np.float64)
    for number in range(1, len(rows)):
        apart = np.linalg.norm(rows[:number] - rows[number], axis=1)
        if apart.min() <= _SAME_PICTURE:
            raise _refused(names[number], f"shows the same picture as {names[int(apart.argmin())]}")


def copy_notes(person: str, new: Sequence[NewFace], names: Sequence[str], faces: EnrolledFaces) -> Iterator[str]:
    """A sentence on each photo that may be a picture that the person has already, or that was given before it.

    Args:
        person: whose faces they are to be.
        new: the faces, at least one.
        names: of their photos, as messages call them.
        faces: of the gallery, the nearest people's at least.
    """
    own = np.flatnonzero([faces.names[each] == person for each in faces.people])
    rows = np.concatenate([faces.embeddings[own], *(each.embedding[None] for each in new)]).astype(np.float64)
    photos = [*(faces.photo_names[place] for place in own), *names]
    for number, name in enumerate(names, start=len(own)):
        apart = np.linalg.norm(rows[:number] - rows[number], axis=1)
        if number and apart.min() <= COPIED:
            yield (
                f"{name} may be the same picture as {escaped(photos[int(apart.argmin())])} of {person}: they are "
                f"{apart.min():.2f} apart, and two photos are nearly always more than {COPIED} apart; copies vouch for "
                "each other, so add another photo"
            )


def refuse_enrolled(person: str, new: Sequence[NewFace], names: Sequence[str], loaded: LoadedGallery) -> None:
    """Refuse photos that are in the gallery already. Another face of a photo may be somebody else's.

    Args:
        person: whose faces they are to be.
        new: the faces, at least one.
        names: of their photos, as messages call them.
        loaded: the gallery.

    Raises:
        UsageError: one of them is.
    """
    faces, places = loaded.faces, _places_of({each.photo_sha256 for each in new}, loaded)
    near = loaded.nearest(np.stack([each.embedding for each in new]))
    for each, name, (nearest, distance) in zip(new, names, near, strict=True):
        for known in places.get(each.photo_sha256, ()):
            owner = faces.names[faces.people[known]]
            apart = float(np.linalg.norm(faces.embeddings[known].astype(np.float64) - each.embedding))
            if owner == person or apart <= _SAME_FACE:
                raise _refused(name, f"is enrolled already, a photo of {escaped(owner)}")
        if distance <= _SAME_PICTURE:
            photo, owner = escaped(faces.photo_names[nearest]), escaped(faces.names[faces.people[nearest]])
            raise _refused(name, f"shows the same picture as {photo}, which is enrolled, a photo of {owner}")


def _places_of(hashes: set[str], loaded: LoadedGallery) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, digest in enumerate(loaded.faces.photo_sha256):
        if digest in hashes:
            found.setdefault(digest, []).append(place)
    return found


def _refused(photo: str, fault: str) -> UsageError:
    return UsageError(f"{photo} {fault}; leave it out (nothing was added)")
