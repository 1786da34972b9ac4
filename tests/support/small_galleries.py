"""Small galleries with faces that are random but always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from maskrec.inference.galleries.enrolled import FaceQuality, GalleryModel, NewFace
from maskrec.inference.galleries.gallery_file import GalleryFile

MODEL = GalleryModel("ab" * 32, 32, "a tiny model")


def new_face(seed: int, *, masked: bool | None = None, photo: bytes | None = None, width: int = MODEL.width) -> NewFace:
    row = np.random.default_rng(seed).normal(size=width)
    quality = FaceQuality(40.0 + seed, 2.5, None)
    sha256 = hashlib.sha256(f"photo {seed}".encode()).hexdigest()
    return NewFace((row / np.linalg.norm(row)).astype(np.float32), masked, quality, f"shot_{seed}.jpg", sha256, photo)


def small_gallery(path: Path, people: Mapping[str, int]) -> Path:
    """A gallery of people with as many faces as it says, closed."""
    with GalleryFile.create(path, MODEL) as gallery:
        seed = 0
        for name, count in people.items():
            gallery.add(name, [new_face(seed + i, masked=bool(i % 2), photo=b"kept %d" % i) for i in range(count)])
            seed += count
    return path
