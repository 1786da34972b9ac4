"""Pairs from InsightFace's verification files: lfw.bin, cfp_fp.bin, agedb_30.bin, calfw.bin, cplfw.bin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Sample
from maskrec.images.aligner import Aligner
from maskrec.images.decoding import decode_image
from maskrec.images.insightface.binfile import FOLDS, BinPairs, folds_of, read_bin


@dataclass(frozen=True, slots=True)
class BinImages:
    """The distinct images of such a file; can be pickled.

    Args:
        path: of the file.
        files: each image's content.
        places: each image's first number in the file, from 0.
        aligner: brings them to the canvas.
    """

    path: Path
    files: list[bytes] = field(repr=False)
    places: list[int]
    aligner: Aligner

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        """One image; label -1. UsageError with the file and its number when it does not decode."""
        name = self._name(index)
        return self.aligner.sample(decode_image(self.files[index], name), index, -1, masked=False, name=name)

    def origin(self, index: int) -> tuple[str, bool]:
        """An image's place, which stands for its photo's path; none is known to wear a mask."""
        return self._name(index), False

    def _name(self, index: int) -> str:
        return f"{self.path}:image {self.places[index]}"


def bin_pairs(path: Path, context: Context, image_size: int, folds: int | None = FOLDS) -> PairSet:
    """The pairs of a verification file of InsightFace (``.bin``), in the file's order, all bare.

    Such a file is a pickle of a list of encoded images, two a pair, and a list of truth values; it is read without
    unpickling, and anything else in it is refused. Its images are already aligned (112 pixels, ArcFace's template) and
    have no landmarks: the middle part is cropped and resized to the canvas. So no masks can be put on; ``maskrec data
    align FILE.bin FACES`` finds the landmarks and keeps the pairs as a CSV for ``pairs_csv``. The people's names are
    not known, so that nobody can see whether the network was trained on them.

    Args:
        path: the ``.bin``.
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        folds: consecutive parts of equal size, as InsightFace's own evaluation takes them; None for no folds.

    Returns:
        Pairs with ``fold``; images with the same bytes are one image.

    Raises:
        UsageError: the file cannot be read, is something else than such pairs, or is damaged; an image is empty; only
            same or only different pairs; fewer pairs than folds.
        ValueError: ``folds`` below 2.
    """
    refuse(check({"folds": folds}, CheckContext()))
    pairs = read_bin(path)
    _require_usable(path, pairs, folds)
    numbers: dict[bytes, int] = {}
    sides = np.array([numbers.setdefault(image, len(numbers)) for image in pairs.images], np.int64).reshape(-1, 2)
    _, first = np.unique(sides.ravel(), return_index=True)
    return PairSet(
        label=context.path,
        images=BinImages(path, list(numbers), first.tolist(), Aligner(image_size, context.alignment)),
        mask_types=[None] * len(numbers),
        left=sides[:, 0],
        right=sides[:, 1],
        same=np.array(pairs.same, np.bool_),
        condition=np.zeros(len(pairs), np.int8),
        fold=None if folds is None else folds_of(np.arange(len(pairs)), len(pairs), folds),
        caveat="; ".join(_caveats(path, sides)),
    )


def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
    """The number of folds."""
    if values["folds"] is not None and values["folds"] < 2:
        yield Problem(f"folds must be at least 2, or null for none, not {values['folds']}", "folds")


bin_pairs.check = check  # type: ignore[attr-defined]


def _require_usable(path: Path, pairs: BinPairs, folds: int | None) -> None:
    empty = next((place for place, image in enumerate(pairs.images) if not image), None)
    if empty is not None:
        raise UsageError(f"{path}: image {empty} is empty (0 bytes); download the file again")
    if len(set(pairs.same)) == 1:
        kind = "one person" if pairs.same[0] else "two people"
        raise UsageError(f"{path}: it has only pairs of {kind}; both are needed")
    if folds is not None and len(pairs) < folds:
        raise UsageError(f"{path}: {counted(len(pairs), 'pair')} cannot be cut into {folds} folds; set folds lower")


def _caveats(path: Path, sides: NDArray[np.int64]) -> Iterable[str]:
    """What is odd in a published list, which is measured as it is."""
    alone = int((sides[:, 0] == sides[:, 1]).sum())
    if alone:
        yield f"{counted(alone, 'pair')} of {path.name} with one image on both sides"
    again = len(sides) - len(np.unique(np.sort(sides, axis=1), axis=0))
    if again:
        yield f"pairs of {path.name} that are listed twice: {again}"
