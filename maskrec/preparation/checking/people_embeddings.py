"""People as mean embeddings of a few of their photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskrec.base.words import plain_name
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.sample import Sample
from maskrec.images.aligner import Aligner
from maskrec.images.decoding import decode_image
from maskrec.inference.embedder import Embedder
from maskrec.preparation.face_sets import FaceSet


@dataclass(frozen=True, slots=True)
class PeopleEmbeddings:
    """The people of one set.

    Args:
        faces: the set.
        names: of the people, as the set writes them.
        photos: one photo of each, to be named in problems.
        means: float32 ``(people, d)`` of length 1.
    """

    faces: FaceSet
    names: Sequence[str]
    photos: Sequence[int]
    means: NDArray[np.float32]


def photos_of_people(faces: FaceSet, usable: NDArray[np.bool_], most: int) -> dict[str, list[int]]:
    """At most ``most`` photos of each person, spread evenly over theirs, by the name as compared."""
    photos: dict[str, list[int]] = {}
    for index in np.flatnonzero(usable).tolist():
        if faces.people[index]:
            photos.setdefault(plain_name(faces.people[index]), []).append(index)
    for name, mine in photos.items():
        if len(mine) > most:
            photos[name] = [mine[i * len(mine) // most] for i in range(most)]
    return photos


def embed_people(
    faces: FaceSet, chosen: dict[str, list[int]], embed: Embedder, advance: Callable[[int], None]
) -> PeopleEmbeddings:
    """Each person's mean of unit embeddings, of length 1 again.

    Args:
        faces: the set.
        chosen: photos of each person.
        embed: embeds their faces.
        advance: is called with the number of photos that were embedded since the last call.

    Raises:
        MaskrecError: a photo that cannot be brought to the canvas, or embeddings that are not finite.
    """
    owners = np.repeat(np.arange(len(chosen)), [len(photos) for photos in chosen.values()])
    order = [index for photos in chosen.values() for index in photos]
    sums: NDArray[np.float64] | None = None
    done = 0
    for embeddings in embed.embed_samples(FacesOnCanvas(faces, order, embed.model.spec), str(faces.path)):
        rows = _unit_rows(embeddings.astype(np.float64))
        sums = np.zeros((len(chosen), rows.shape[1])) if sums is None else sums
        np.add.at(sums, owners[done : done + len(rows)], rows)
        done += len(rows)
        advance(len(rows))
    means = np.zeros((0, 0), np.float32) if sums is None else _unit_rows(sums).astype(np.float32)
    photos = [mine[0] for mine in chosen.values()]
    return PeopleEmbeddings(faces, [faces.people[photo] for photo in photos], photos, means)


class FacesOnCanvas:
    """Some photos of a set, each brought to the canvas when it is read; pickles for loader workers.

    Args:
        faces: the set; landmarks of these photos are finite.
        indices: which photos.
        spec: size of the canvas, and how faces are brought to it.
    """

    def __init__(self, faces: FaceSet, indices: Sequence[int], spec: InputSpec) -> None:
        self.read, self.indices = faces.read, indices
        self.names = [faces.photo(index) for index in indices]
        points = None if faces.landmarks is None else faces.landmarks[list(indices)].astype(np.float64)
        self.aligner = Aligner(spec.size, spec.alignment, points)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        return self.aligner.sample(decode_image(self.read(self.indices[index]), name), index, -1, False, name)


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1; a row of zeros stays one and is like nobody."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
