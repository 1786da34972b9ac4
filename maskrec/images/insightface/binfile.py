"""InsightFace's verification files (``lfw.bin``, ``cfp_fp.bin``): a pickle, read without unpickling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.images.insightface.plain_objects import ByteArray
from maskrec.images.insightface.plain_pickle import read_pickle

FOLDS = 10
"""The folds that InsightFace's own evaluation cuts such a file into."""

_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


@dataclass(frozen=True, slots=True)
class BinPairs:
    """Image pairs of a verification file.

    Args:
        images: encoded images; pair i is images 2i and 2i + 1.
        same: for each pair, whether both are one person.
    """

    images: list[bytes]
    same: list[bool]

    def __len__(self) -> int:
        return len(self.same)


def read_bin(path: Path) -> BinPairs:
    """A pickle of ``(images, same)``: a list of encoded images, two per pair, and a list of truth values.

    Images are bytes (or numpy uint8 arrays), truth values bool (or numpy's, or 0 and 1), written by Python 2 or 3. No
    pickle is executed: the few instructions that such a file needs are interpreted, all others are rejected.

    Raises:
        UsageError: the file holds anything else, tries to call something, or is truncated.
    """
    content = read_pickle(path)
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise UsageError(f"{path}: does not hold a pair (images, same); it is not a verification file of InsightFace")
    images, same = content
    if not isinstance(images, list | tuple):
        raise UsageError(f"{path}: its images are not a list; it is not a verification file of InsightFace")
    pairs = BinPairs(
        [_image(path, place, image) for place, image in enumerate(images)],
        [_truth(path, place, value) for place, value in enumerate(_values(path, same))],
    )
    if len(pairs.images) != 2 * len(pairs.same) or not pairs.same:
        raise UsageError(
            f"{path}: {len(pairs.images)} images and {len(pairs.same)} answers; expected two images per answer"
        )
    return pairs


def folds_of(numbers: NDArray[np.int64], pairs: int, folds: int) -> NDArray[np.int64]:
    """The folds of pairs: consecutive parts of equal size, the first ones one pair longer where that is not even.

    Args:
        numbers: int64 ``(n,)``, which pairs, from 0.
        pairs: how many the file has.
        folds: how many parts, from 1.

    Returns:
        int64 ``(n,)`` from 0.
    """
    ends = np.cumsum([pairs // folds + (fold < pairs % folds) for fold in range(folds)])
    return np.searchsorted(ends, numbers, side="right").astype(np.int64)


def is_bin(path: Path, start: bytes) -> bool:
    """Whether a file that should be a text seems to be a verification file, by its name or its first bytes."""
    return path.suffix.lower() == ".bin" or start.startswith(_PICKLES)


def not_a_text(path: Path) -> str:
    """What to say where such a file was named as a CSV or a list."""
    return (
        f"{path}: seems to be a verification file of InsightFace (a pickle of images), not a text; as pairs it is read "
        f"by {{use: bin_pairs, path: {path.name}}}, as photos by maskrec data align"
    )


def _image(path: Path, place: int, image: object) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, ByteArray) and image.kind == "u1" and image.complete:
        return image.data
    raise UsageError(
        f"{path}: image {place} is neither bytes nor a uint8 array; it is not a verification file of InsightFace"
    )


def _values(path: Path, same: object) -> Sequence[object]:
    if isinstance(same, list | tuple):
        return same
    if isinstance(same, ByteArray) and same.complete:
        return list(same.data)
    raise UsageError(f"{path}: its answers are not a list; it is not a verification file of InsightFace")


def _truth(path: Path, place: int, value: object) -> bool:
    if isinstance(value, ByteArray) and value.complete and len(value.data) == 1:
        value = value.data[0]
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise UsageError(f"{path}: answer {place} is neither true nor false; it is not a verification file of InsightFace")
