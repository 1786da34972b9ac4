"""Pairs of embedded cartoon faces: bare, one masked, both masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from maskrec.base.random import SeededDraws
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import Alignment
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Sample
from maskrec.faces.synthetic import CAVEAT
from maskrec.faces.synthetic.album import Album, complaints
from maskrec.images.drawn_faces import drawn_on_canvas
from maskrec.pairs.sampling import Drawn, draw_pairs, too_many

Condition = Literal["bare", "one_masked", "both_masked"]
MaskType = Literal["surgical_green", "surgical_blue", "n95", "kn95", "cloth_black"]


@dataclass(frozen=True)
class _AlbumImages:
    """Photos of an album by their places in it; one that will wear a mask occurs a second time."""

    album: Album
    photos: Sequence[int]
    alignment: Alignment

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Sample:
        photo = self.photos[index]
        image, landmarks = drawn_on_canvas(*self.album[photo], self.album.image_size, self.alignment)
        return Sample(image, -1, landmarks, masked=False, path=self.album.path(photo))

    def origin(self, index: int) -> tuple[str, bool]:
        """The path that the image's photo would have, which is bare."""
        return self.album.path(self.photos[index]), False


def synthetic_pairs(
    context: Context,
    image_size: int,
    identities: int = 100,
    images_per_identity: int = 20,
    first_identity: int = 10_000,
    pairs: int = 3000,
    conditions: tuple[Condition, ...] = ("bare", "one_masked", "both_masked"),
    mask_types: tuple[MaskType, ...] = ("surgical_green", "surgical_blue", "n95", "kn95", "cloth_black"),
    folds: int | None = 10,
    pairs_seed: int = 0,
    face_seed: int = 0,
    cache_mib: int = 2048,
) -> PairSet:
    """Pairs of cartoon people, half of them one person; figures on them say nothing about real faces.

    Every condition has the same pairs, so that conditions differ only in the masks. People and their photos
    appear equally often, no pair twice, no photo beside itself or its own masked copy. A photo that wears a mask always
    wears the same type. Nothing depends on the run's seed, so all runs are measured on the same pairs.

    Args:
        context: gives the set's place in the recipe, which names it.
        image_size: side of the canvas in pixels, 16 to 1024.
        identities: how many people.
        images_per_identity: photos of each, at least 2.
        first_identity: number of the first person; keep it clear of the people trained on.
        pairs: pairs per condition, an even number; half are of one person.
        conditions: which of bare, one_masked (left or right at random) and both_masked to draw.
        mask_types: the masks to put on, drawn evenly.
        folds: parts of the pairs whose people are in no other part, each half same; None for no folds.
        pairs_seed: draws the pairs and masks.
        face_seed: selects the world of people; must equal the training data's for the two to be comparable.
        cache_mib: memory in MiB that rendered photos may take.

    Raises:
        ValueError: a parameter out of range, in one sentence.
    """
    values = {
        "identities": identities, "images_per_identity": images_per_identity, "first_identity": first_identity,
        "pairs": pairs, "conditions": conditions, "mask_types": mask_types, "folds": folds, "cache_mib": cache_mib,
    }  # fmt: skip
    refuse(check(values, CheckContext(givens={"image_size": image_size})))
    album = Album(face_seed, image_size, identities, images_per_identity, first_identity, cache_mib)
    drawn = draw_pairs(identities, images_per_identity, pairs, folds or 1, pairs_seed)
    return _assemble(context, album, drawn, conditions, _masks(len(album), mask_types, pairs_seed), folds)


def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
    """Parameters out of range, each with its place."""
    names = ("identities", "images_per_identity", "first_identity", "cache_mib")
    found = list(complaints(context.givens.get("image_size"), *(values[name] for name in names)))
    if values["images_per_identity"] == 1:
        found.append(("images_per_identity", "images_per_identity must be at least 2 for pairs of one person, not 1"))
    if values["pairs"] < 2 or values["pairs"] % 2:
        found.append(
            ("pairs", f"pairs must be an even number from 2, half of them of one person, not {values['pairs']}")
        )
    if values["folds"] is not None and values["folds"] < 2:
        found.append(("folds", f"folds must be at least 2, or null for none, not {values['folds']}"))
    for name in ("conditions", "mask_types"):
        if not values[name] or len(set(values[name])) < len(values[name]):
            found.append((name, f"{name} must have at least one name and none twice, not {list(values[name])}"))
    if not found:
        sentence = too_many(values["identities"], values["images_per_identity"], values["pairs"], values["folds"] or 1)
        path = "folds" if values["identities"] < 2 * (values["folds"] or 1) else "pairs"
        found += [(path, sentence)] if sentence else []
    return [Problem(sentence, path=name) for name, sentence in found]


synthetic_pairs.check = check  # type: ignore[attr-defined]


def _masks(photos: int, mask_types: Sequence[str], seed: int) -> list[str]:
    """The mask type that each photo wears when masked."""
    draws = SeededDraws(seed, 0, "synthetic pairs", torch.arange(photos))
    return [mask_types[kind] for kind in draws.integers("mask", 0, len(mask_types)).tolist()]


def _assemble(
    context: Context, album: Album, drawn: Drawn, conditions: Sequence[str], masks: Sequence[str], folds: int | None
) -> PairSet:
    """The pairs under every condition, and each image that occurs in them, once."""
    sides = SeededDraws(0, 0, "synthetic pairs", torch.arange(len(drawn.left))).integers("masked side", 0, 2).tolist()
    shown: dict[tuple[int, bool], int] = {}
    columns: tuple[list[int], list[int]] = ([], [])
    for condition in conditions:
        for pair in zip(drawn.left, drawn.right, sides, strict=True):
            for side in (0, 1):
                masked = condition == "both_masked" or (condition == "one_masked" and pair[2] == side)
                columns[side].append(shown.setdefault((pair[side], masked), len(shown)))
    repeats = len(conditions)
    return PairSet(
        label=context.path,
        images=_AlbumImages(album, [photo for photo, _ in shown], context.alignment),
        mask_types=[masks[photo] if masked else None for photo, masked in shown],
        left=np.array(columns[0], dtype=np.int64),
        right=np.array(columns[1], dtype=np.int64),
        same=np.tile(np.array(drawn.same, dtype=np.bool_), repeats),
        condition=np.repeat([CONDITIONS.index(name) for name in conditions], len(drawn.left)).astype(np.int8),
        fold=None if folds is None else np.tile(np.array(drawn.fold, dtype=np.int64), repeats),
        identities=[album.person_name(photo // album.images_per_identity) for photo, _ in shown],
        has_landmarks=True,
        caveat=CAVEAT,
    )
