"""Pairs of photos, bare and with simulated masks put on, as one pair set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.base.random import SeededDraws
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, Problems
from maskrec.contracts.sample import Sample
from maskrec.faces.masks import MASK_TYPES, choose_types, type_problems
from maskrec.images.landmarks_file import read_landmarks
from maskrec.images.photos import Photos

Masks = Literal["none", "one", "both"]

SIMULATED = "masks on these pairs are simulated: the program puts them on bare photos"
Types = Sequence[str] | Mapping[str, float] | None

_MASKS: tuple[Masks, ...] = ("none", "one", "both")
# What the face on each side wears by condition: 0 nothing, 1 a mask, 2 another mask.
_WORN = {"none": (0, 0), "one": (0, 1), "both": (1, 1)}
_WAYS = 3


@dataclass(frozen=True, slots=True)
class PairImages:
    """The distinct images of a pair set: photos, each possibly several times (bare, masked); can be pickled.

    Args:
        photos: the files.
        photo: int64 ``(m,)``, each image's photo.
        masked: bool ``(p,)``, whether each photo already shows a mask.
    """

    photos: Photos
    photo: NDArray[np.int64]
    masked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.photo)

    def __getitem__(self, index: int) -> Sample:
        """One image, its mask not yet on; label -1. UsageError with the path when its photo does not decode."""
        photo = int(self.photo[index])
        return self.photos.open(photo, -1, bool(self.masked[photo]))

    def origin(self, index: int) -> tuple[str, bool]:
        """The path of an image's photo, and whether the photo already shows a mask."""
        photo = int(self.photo[index])
        return self.photos.paths[photo], bool(self.masked[photo])


@dataclass(slots=True)
class PhotoPairs:
    """Pairs as a file names them.

    Args:
        paths: distinct photos.
        left, right: index into ``paths`` per pair.
        same: whether both are one person, per pair.
        folds: from 0, per pair; None without folds.
        identities: the person's name per photo; None where unknown.
        masked: whether each photo already shows a mask.
        put_on: the mask type to put on each photo when it is embedded, or None; no list: none on any. A photo that is
            bare in one pair and wears a mask in another is in ``paths`` twice.
        caveat: what must be reported with figures on these pairs, besides that masks put on are simulated.
    """

    paths: list[str]
    left: list[int]
    right: list[int]
    same: list[bool]
    folds: list[int] | None
    identities: list[str] | None
    masked: list[bool]
    put_on: list[str | None] | None = None
    caveat: str = ""


def conditions_of(masks: Masks | Sequence[Masks]) -> tuple[Masks, ...]:
    """One condition or several as a tuple."""
    return (masks,) if isinstance(masks, str) else tuple(masks)


def mask_problems(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
    """Check ``masks``, ``types`` and ``landmarks`` together."""
    masks = conditions_of(values["masks"])
    if not masks or len(set(masks)) != len(masks) or not set(masks) <= set(_MASKS):
        yield Problem(
            f"masks must be none, one or both, or a list of these without repeats, not {list(masks)}", "masks"
        )
    elif set(masks) != {"none"} and values["landmarks"] is None:
        yield Problem(
            "masks are put on by landmarks, but there are none", "masks", "name the landmarks file with landmarks: FILE"
        )
    yield from (Problem(sentence, "types") for sentence in type_problems(values["types"]))
    if set(masks) == {"none"} and values["types"] is not None:
        hint = "set masks: one or both, or remove types"
        yield Problem("types apply to masks that this set puts on, but it puts none on", "types", hint)


def build_pair_set(
    pairs: PhotoPairs,
    context: Context,
    image_size: int,
    masks: Sequence[Masks],
    types: Types,
    seed: int,
    landmarks: Path | None,
    root: Path,
    problems: Problems,
) -> PairSet:
    """All pairs once per condition, and the distinct images that they need.

    With ``one`` the right face wears a mask, with ``both`` both; a photo's masked copy is the same in all its pairs,
    except for a photo paired with itself, which wears two different masks. A mask's type is drawn by the seed, the
    set's place in the recipe and the photo's number.

    Raises:
        UsageError: all ``problems``, those of the landmarks file with them; photos whose files do not exist are there
            already.
    """
    points, boxes = None, None
    if landmarks is not None:
        points, boxes = read_landmarks(landmarks, root, problems).of(pairs.paths, problems, absent_reported=True)
    problems.raise_errors(context.path or "the pair set")
    photos = Photos(pairs.paths, image_size, context.alignment, points, boxes)
    left, right = np.asarray(pairs.left, np.int64), np.asarray(pairs.right, np.int64)
    twice = (left == right).astype(np.int64)
    worn = [_WORN[name] for name in masks]
    left_keys = np.concatenate([left * _WAYS + on_left for on_left, _ in worn])
    right_keys = np.concatenate([right * _WAYS + on_right + twice * on_left for on_left, on_right in worn])
    keys, places = np.unique(np.concatenate([left_keys, right_keys]), return_inverse=True)
    copies = len(masks)
    put_on = _types_of(keys, types, seed, context.path) if pairs.put_on is None else _named(keys, pairs.put_on)
    return PairSet(
        label=context.path,
        images=PairImages(photos, keys // _WAYS, np.asarray(pairs.masked, np.bool_)),
        mask_types=put_on,
        left=places[: len(left_keys)],
        right=places[len(left_keys) :],
        same=np.tile(np.asarray(pairs.same, np.bool_), copies),
        condition=_conditions(pairs, masks),
        fold=None if pairs.folds is None else np.tile(np.asarray(pairs.folds, np.int64), copies),
        identities=None if pairs.identities is None else [pairs.identities[photo] for photo in keys // _WAYS],
        has_landmarks=points is not None,
        caveat="; ".join(filter(None, [SIMULATED if any(put_on) else "", pairs.caveat])),
    )


def _types_of(keys: NDArray[np.int64], types: Types, seed: int, label: str) -> list[str | None]:
    uniform = SeededDraws(seed, 0, f"{label}/mask_type", torch.from_numpy(keys)).uniform("type")
    chosen = choose_types(uniform, types).tolist()
    return [MASK_TYPES[index] if key % _WAYS else None for key, index in zip(keys, chosen, strict=True)]


def _named(keys: NDArray[np.int64], put_on: Sequence[str | None]) -> list[str | None]:
    """The types that the file names; then ``masks`` is none, so that a key identifies the photo alone."""
    return [put_on[photo] for photo in (keys // _WAYS).tolist()]


def _conditions(pairs: PhotoPairs, masks: Sequence[Masks]) -> NDArray[np.int8]:
    """The number of masked faces in a pair is its index into ``CONDITIONS``."""
    assert CONDITIONS == ("bare", "one_masked", "both_masked")
    wearing = np.asarray(pairs.masked, np.int8)
    if pairs.put_on is not None:
        wearing = wearing + np.array([kind is not None for kind in pairs.put_on], np.int8)
    already = wearing[np.asarray(pairs.left)] + wearing[np.asarray(pairs.right)]
    return np.concatenate([already + np.int8(sum(_WORN[name])) for name in masks]).astype(np.int8)
