"""Pairs of faces to compare: distinct images once, pairs as indices into them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from maskrec.contracts.conditions import CONDITIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from maskrec.contracts.sample import Sample


class Images(Protocol):
    """Distinct images, readable in loader workers (so it must pickle).

    An optional method ``origin(index)`` returns the path of the image's photo and whether the photo already shows a
    mask, without reading it; two images of one photo have one path. Without it images are read to know this.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True)
class PairSet:
    """Pairs of one source.

    Args:
        label: names the set and seeds the masks that are put on. The sets of a run have different labels.
        images: the distinct images; a masked copy of a photo is one more image.
        mask_types: per image, the mask type to put on when it is embedded, or None.
        left: int64 ``(n,)``, index of each pair's first image.
        right: int64 ``(n,)``.
        same: bool ``(n,)``, whether both show the same person.
        condition: int8 ``(n,)``, index into ``CONDITIONS``.
        fold: int64 ``(n,)`` from 0, or None.
        identities: per image the person's name, or None where the source does not say; compared with the training
            set's ``identities`` so that no model is measured on people it was trained on.
        has_landmarks: whether every image carries landmarks.
        caveat: what must be reported wherever figures on these pairs are shown; the runner prints it first and last.
    """

    label: str
    images: Images
    mask_types: Sequence[str | None]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]
    condition: NDArray[np.int8]
    fold: NDArray[np.int64] | None = None
    identities: Sequence[str] | None = None
    has_landmarks: bool = False
    caveat: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.left), len(self.right), len(self.same), len(self.condition)}
        if self.fold is not None:
            lengths.add(len(self.fold))
        if len(lengths) != 1:
            raise ValueError(f"pair set {self.label!r}: left, right, same, condition and fold differ in length")
        if len(self.mask_types) != len(self.images):
            raise ValueError(f"pair set {self.label!r}: expected one mask type (or None) for each image")
        for problem in self._column_problems():
            raise ValueError(f"pair set {self.label!r} {problem}")

    def _column_problems(self) -> Iterator[str]:
        """What is wrong with the columns, as ends of a sentence."""
        images, names = len(self.images), self.identities
        if names is not None and len(names) != images:
            yield f"has {len(names)} identities for {images} images; `identities` are names by image, or None"
        for side, indices in (("left", self.left), ("right", self.right)):
            wrong = next((index for index in _extremes(indices) if not 0 <= index < images), None)
            if wrong is not None:
                yield f"has the index {wrong} in `{side}`, and there are {images} images, from 0"
        other = next((number for number in _extremes(self.condition) if not 0 <= number < len(CONDITIONS)), None)
        if other is not None:
            meanings = ", ".join(f"{number} {name.replace('_', ' ')}" for number, name in enumerate(CONDITIONS))
            yield f"has the condition {other}; conditions are {meanings}"
        kind = getattr(self.same, "dtype", type(self.same).__name__)
        if kind != "bool":
            yield f"has `same` of type {kind}; it must be a bool array"

    def __len__(self) -> int:
        return len(self.left)


def _extremes(numbers: NDArray[np.integer]) -> tuple[int, ...]:
    """The smallest and the largest; nothing of an empty array."""
    import numpy as np  # a plugin's declarations import this module, and nothing heavy with it

    return (int(np.min(numbers)), int(np.max(numbers))) if len(numbers) else ()
