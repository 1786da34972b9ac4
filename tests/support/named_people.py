"""Pair sets that say who is on their images, without pixels: bare photos, and the same ones with a mask."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.sample import Sample

MASKS = ("n95", "cloth_black")


@dataclass(frozen=True)
class NamedImages:
    """Images that are never read; ``origin`` names their photos."""

    photos: tuple[str, ...]
    masked: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int, /) -> Sample:
        raise AssertionError("an evaluator reads no image")

    def origin(self, index: int) -> tuple[str, bool]:
        return self.photos[index], self.masked[index]


@dataclass
class NamedPeople:
    """Each of ``people`` has ``photos`` photos, each bare and with a mask; odd photos with the first type of `MASKS`.

    Args:
        people: how many.
        photos: of each.
        noise: beside 1 of the person.
        seed: of the embeddings.
        drawn: whether masks are put on; else the photos of the masked images show one already.
    """

    people: int = 30
    photos: int = 4
    noise: float = 0.7
    seed: int = 0
    drawn: bool = True
    views: list[View] = field(default_factory=list)

    def __post_init__(self) -> None:
        number = self.people * self.photos
        self.person = np.tile(np.repeat(np.arange(self.people), self.photos), 2)
        self.photo = np.tile(np.arange(number), 2)
        self.masked = np.arange(2 * number) >= number
        if not self.drawn:
            self.photo = np.arange(2 * number)
        rng = np.random.default_rng(self.seed)
        centres = rng.normal(size=(self.people, 12))[self.person]
        self.rows = (centres + self.noise * rng.normal(size=centres.shape)).astype(np.float32)
        names = tuple(f"photo-{each:04}" for each in self.photo.tolist())
        kinds = [
            MASKS[each % 2] if worn and self.drawn else None for each, worn in zip(self.photo, self.masked, strict=True)
        ]
        none = np.zeros(0, np.int64)
        self.pairs = PairSet(
            "held_out",
            NamedImages(names, tuple(bool(each) and not self.drawn for each in self.masked)),
            kinds,
            none,
            none,
            none.astype(bool),
            none.astype(np.int8),
            identities=[f"Person_{each}" for each in self.person.tolist()],
        )

    def embed(self, pairs: PairSet, view: View = View()) -> np.ndarray:  # noqa: B008
        """The rows of every view; mirrored ones are turned about."""
        assert pairs is self.pairs
        self.views.append(view)
        return self.rows[:, ::-1] if view.flip else self.rows

    @property
    def unit(self) -> np.ndarray:
        """float64 rows of unit length."""
        double = self.rows.astype(np.float64)
        return double / np.linalg.norm(double, axis=1, keepdims=True)
