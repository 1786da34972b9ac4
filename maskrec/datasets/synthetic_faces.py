"""The data set of embedded cartoon faces: nothing to download, any number of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.problem import Problem
from maskrec.contracts.sample import Sample
from maskrec.faces.synthetic import CAVEAT
from maskrec.faces.synthetic.album import Album, complaints
from maskrec.images.drawn_faces import drawn_on_canvas


class SyntheticFaces:
    """Cartoon people drawn by the program; figures measured on them say nothing about real faces.

    Person N of a face world looks the same whatever the other parameters are: training on people 0 to 399 and
    testing on people from 10000 on never mixes the two, and runs with different seeds train on the same people.

    Args:
        image_size: side of the canvas in pixels, 16 to 1024; faces are drawn at that size. With a template
            it is the canvas's height.
        identities: how many people; they are the classes.
        images_per_identity: photos of each, with pose, expression, light, hair of the day and background drawn for
            each.
        first_identity: number of the first person.
        face_seed: selects the world of people; independent of the run's seed.
        cache_mib: memory in MiB that rendered photos may take; a larger set renders each photo whenever it is read.
        context: the runner's; its backbone's template, where it has one, is what the faces are moved to.

    Raises:
        ValueError: a parameter out of range, in one sentence.
    """

    has_landmarks = True
    caveat = CAVEAT

    def __init__(
        self,
        image_size: int,
        identities: int = 64,
        images_per_identity: int = 20,
        first_identity: int = 0,
        face_seed: int = 0,
        cache_mib: int = 2048,
        context: Context | None = None,
    ) -> None:
        self._alignment = (context or Context()).alignment
        self._album = Album(face_seed, image_size, identities, images_per_identity, first_identity, cache_mib)
        self.num_classes = identities
        self.labels = [person for person in range(identities) for _ in range(images_per_identity)]
        self.masked = [False] * len(self.labels)
        self.identities = [self._album.person_name(person) for person in range(identities)]

    def __len__(self) -> int:
        return len(self._album)

    def __getitem__(self, index: int) -> Sample:
        """Photo ``index``, person by person.

        Raises:
            IndexError: beyond the set.
        """
        image, landmarks = drawn_on_canvas(*self._album[index], self._album.image_size, self._alignment)
        return Sample(image, self.labels[index], landmarks, masked=False, path=self._album.path(index))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Parameters out of range, each with its place."""
        names = ("identities", "images_per_identity", "first_identity", "cache_mib")
        found = complaints(context.givens.get("image_size"), *(values[name] for name in names))
        return [Problem(sentence, path=name) for name, sentence in found]
