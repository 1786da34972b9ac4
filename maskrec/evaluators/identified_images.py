"""The images of a pair set as faces of named people: what protocols that list no pairs compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.words import plain_name
from maskrec.contracts.evaluation import View
from maskrec.contracts.image_origins import origins
from maskrec.evaluators.measuring import Floats
from maskrec.faces.masks import MASK_TYPES

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Embed
    from maskrec.contracts.pair_set import PairSet

UPPER_FACE = 0.56
"""Side of the square that is shown of a canvas: on ArcFace's template it ends halfway between eyes and nose tip."""
TYPES = (*MASK_TYPES, "own mask")
"""Kinds of masked images: masks that are put on, and those that photos show already."""


@dataclass(frozen=True, slots=True, eq=False)
class IdentifiedImages:
    """Distinct images of named people.

    Args:
        label: of the pair set.
        people: int64 ``(n,)``, index into ``names``.
        names: of the people, as first written.
        masked: bool ``(n,)``, whether the face wears a mask, put on or its own.
        kinds: int64 ``(n,)``, index into ``TYPES``; -1 for bare images.
        photos: int64 ``(n,)``, index into ``paths``; two images of one photo have one number.
        paths: of the photos, sorted.
    """

    label: str
    people: NDArray[np.int64]
    names: tuple[str, ...]
    masked: NDArray[np.bool_]
    kinds: NDArray[np.int64]
    photos: NDArray[np.int64]
    paths: tuple[str, ...]


def require_identities(pairs: PairSet) -> None:
    """Raise UsageError unless the set says who is on its images, and that they are at least two people."""
    if pairs.identities is None:
        raise UsageError(
            f"pair set {pairs.label!r} does not say who is on its images, and this protocol compares people; use pairs "
            "with names (a column identity in a pairs CSV)"
        )
    if len({plain_name(name) for name in pairs.identities}) < 2:
        raise UsageError(f"pair set {pairs.label!r} shows fewer than two people; add some")


def identified_images(pairs: PairSet) -> IdentifiedImages:
    """What is known of a set's images without reading them; which pairs it lists does not matter.

    Args:
        pairs: with identities, as `require_identities` asks.

    Raises:
        MaskrecError: an image cannot be asked for its photo.
    """
    first: dict[str, str] = {}
    numbers: dict[str, int] = {}
    people = []
    for name in pairs.identities or ():
        key = plain_name(name)
        first.setdefault(key, name)
        people.append(numbers.setdefault(key, len(numbers)))
    found = origins(pairs)
    paths = sorted({each.photo for each in found})
    place = {path: number for number, path in enumerate(paths)}
    kinds = [_kind(kind, each.masked) for kind, each in zip(pairs.mask_types, found, strict=True)]
    kind_numbers = np.array(kinds, np.int64)
    return IdentifiedImages(
        pairs.label,
        np.array(people, np.int64),
        tuple(first.values()),
        kind_numbers >= 0,
        kind_numbers,
        np.array([place[each.photo] for each in found], np.int64),
        tuple(paths),
    )


def _kind(put_on: str | None, already: bool) -> int:
    if put_on is not None:
        return TYPES.index(put_on)
    return len(TYPES) - 1 if already else -1


def embedded(embed: Embed, pairs: PairSet, mirrored: bool, upper_face: bool) -> Floats:
    """Embeddings of a set's images, float64 ``(n, d)``, before normalisation.

    Args:
        embed: the runner's ``embed``; it embeds each image once a view.
        pairs: the set.
        mirrored: whether an image's embedding is the mean of its own and its mirror image's.
        upper_face: whether the network sees the upper face only.

    Raises:
        MaskrecError: embeddings that are not finite, or all zeros, which have no direction.
    """
    crop = UPPER_FACE if upper_face else 1.0
    rows = np.asarray(embed(pairs, View(crop=crop, upper=upper_face)), np.float64)
    if mirrored:
        rows = (rows + np.asarray(embed(pairs, View(True, crop, upper_face)), np.float64)) / 2
    for broken, what in (
        (~np.isfinite(rows).all(axis=1), "numbers that are not finite; the training has diverged"),
        (~rows.any(axis=1), "zeros only, which have no direction to compare; the network may be dead"),
    ):
        if broken.any():
            count = int(np.count_nonzero(broken))
            raise MaskrecError(f"pair set {pairs.label!r}: the embeddings of {count} of {len(rows)} images are {what}")
    return rows
