"""What a pair set was when it was measured, in hashes: two models are compared on equal pairs or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch

from maskrec.base.errors import UsageError
from maskrec.base.random import SeededDraws
from maskrec.base.regular_files import open_regular
from maskrec.contracts.image_origins import origins
from maskrec.contracts.pair_set import PairSet
from maskrec.faces.masks.mask_draws import DRAWN
from maskrec.inference.comparing.compared_models import ComparedModel

_SIZE = 16  # bytes of a hash


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """Hashes of a pair set.

    Args:
        people: of who is on the images, one an image.
        pairs: of which images are compared, their conditions and folds.
        photos: of each photo's file, or of its name where it is not a file of its own.
        canvases: of each image's pixels on the canvas, and its landmarks where a mask is put on.
        masks: of each image's type of mask and of what is drawn for it.
        geometry: what brings photos to the canvas; canvases are equal only where it is.
    """

    people: tuple[bytes, ...]
    pairs: bytes
    photos: tuple[bytes, ...]
    canvases: tuple[bytes, ...]
    masks: tuple[bytes, ...]
    geometry: str

    def summary(self) -> dict[str, str]:
        """One hash for people, pairs, photos and masks each, in hexadecimal."""
        found = {name: _hash(b"".join(getattr(self, name))).hex() for name in ("people", "photos", "masks")}
        return {**found, "pairs": self.pairs.hex()}


def measured_pairs(pairs: PairSet, digests: Mapping[int, bytes], model: ComparedModel) -> MeasuredPairs:
    """The hashes of a set that was embedded.

    Args:
        pairs: the set.
        digests: of its images' canvases, by place.
        model: that embedded it.
    """
    columns = (pairs.left, pairs.right, pairs.same, pairs.condition, pairs.fold)
    whole = b"|".join(b"" if each is None else np.ascontiguousarray(each).tobytes() for each in columns)
    images = range(len(pairs.images))
    names = pairs.identities if pairs.identities is not None else [""] * len(images)
    spec = model.subject.model.spec
    size = model.evaluations.image_size or model.subject.image_size or spec.size
    return MeasuredPairs(
        tuple(_hash(name.encode("utf-8", "backslashreplace")) for name in names),
        _hash(whole),
        tuple(_photos(pairs)),
        tuple(digests[index] for index in images),
        tuple(_masks(pairs, model.evaluations.seed)),
        f"{size} {asdict(spec)['alignment']}",
    )


def require_equal(one: tuple[str, Mapping[str, MeasuredPairs]], other: tuple[str, Mapping[str, MeasuredPairs]]) -> None:
    """Refuse two models that were not measured on equal people, photos and masks.

    Args:
        one: a model's name in messages, and the hashes by label of the pair set.
        other: likewise.

    Raises:
        UsageError: what differs, in one sentence.
    """
    for label, mine in one[1].items():
        theirs = other[1].get(label)
        said = f"{label} is not among its pair sets" if theirs is None else next(_unequal(label, mine, theirs), "")
        if said:
            raise UsageError(f"{other[0]} was not measured on the same as {one[0]}: {said}; compare on the same data")


def _unequal(label: str, mine: MeasuredPairs, theirs: MeasuredPairs) -> Iterator[str]:
    """What differs, the first first."""
    if len(mine.people) != len(theirs.people):
        yield f"{label} has {len(mine.people)} images there and {len(theirs.people)} here"
        return
    pixels = "canvases" if mine.geometry == theirs.geometry else "photos"
    for name, what in (("people", "the people on"), (pixels, "the photos of"), ("masks", "the masks drawn for")):
        apart = [i for i, (a, b) in enumerate(zip(getattr(mine, name), getattr(theirs, name), strict=True)) if a != b]
        if apart:
            yield f"{what} {len(apart)} of {len(mine.people)} images of {label} differ, the first is image {apart[0]}"
    if mine.pairs != theirs.pairs:
        yield f"{label} lists other pairs"


def _photos(pairs: PairSet) -> Iterator[bytes]:
    known: dict[str, bytes] = {}
    for each in origins(pairs):
        if each.photo not in known:
            known[each.photo] = _photo(each.photo)
        yield known[each.photo]


def _photo(path: str) -> bytes:
    try:
        with open_regular(Path(path)) as stream:
            return _hash(stream.read())
    except (OSError, ValueError):  # in an archive, or drawn
        return _hash(path.encode("utf-8", "backslashreplace"))


def _masks(pairs: PairSet, seed: int) -> Sequence[bytes]:
    """Of bare images a hash of nothing."""
    worn = [index for index, kind in enumerate(pairs.mask_types) if kind is not None]
    found = [_hash(b"")] * len(pairs.mask_types)
    if worn:
        draws = SeededDraws(seed, 0, pairs.label, torch.tensor(worn)).matrix(DRAWN).numpy()
        for index, numbers in zip(worn, draws, strict=True):
            found[index] = _hash(str(pairs.mask_types[index]).encode() + numbers.tobytes())
    return found


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SIZE).digest()
