"""A gallery's file: what is added is found again, removed people are gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskrec.inference.galleries.enrolled import FaceQuality, GalleryModel, NewFace
from maskrec.inference.galleries.gallery_file import GalleryFile

MODEL = GalleryModel("ab" * 32, 8, "a tiny model")


def new_face(seed: int, masked: bool | None = None) -> NewFace:
    row = np.random.default_rng(seed).normal(size=MODEL.width)
    quality = FaceQuality(40.0, 2.5, None)
    return NewFace((row / np.linalg.norm(row)).astype(np.float32), masked, quality, f"{seed}.jpg", f"{seed:064x}")


def test_what_is_added_is_there_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "people.gallery"
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add("Ann", [new_face(1, masked=True), new_face(2, masked=False)])
        gallery.add("Bob", [new_face(3)])
    with GalleryFile.open(path) as gallery:
        faces = gallery.faces()
        assert gallery.model == MODEL
        assert [person.name for person in gallery.people()] == ["Ann", "Bob"]
    assert faces.names == ("Ann", "Bob")
    assert faces.people.tolist() == [0, 0, 1]
    assert faces.masked.tolist() == [1, 0, -1]
    assert faces.photo_names == ("1.jpg", "2.jpg", "3.jpg")
    assert faces.photo_sha256[0] == new_face(1).photo_sha256
    np.testing.assert_array_equal(faces.embeddings, [new_face(seed).embedding for seed in (1, 2, 3)])
    np.testing.assert_array_equal(faces.quality[0], np.array([40.0, 2.5, np.nan], np.float32))
