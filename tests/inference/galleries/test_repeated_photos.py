"""Photos that may be copies of what a person has already: noted where they are added."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskrec.inference.galleries.enrolled import FaceQuality, GalleryModel, NewFace
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.repeated_photos import COPIED, copy_notes


def at_angle(distance: float, name: str) -> NewFace:
    """A face so far from the one at distance 0."""
    half = np.arcsin(distance / 2)
    row = np.array([np.cos(2 * half), np.sin(2 * half), 0.0], np.float32)
    return NewFace(row, False, FaceQuality(60.0, 200.0, 1.0), name, "")


def test_copies_of_own_photos_and_of_each_other_are_noted_and_others_are_not(tmp_path: Path) -> None:
    with GalleryFile.create(tmp_path / "g", GalleryModel("ab" * 32, 3, "drawn")) as file:
        file.add("Ann", [at_angle(0.0, "front.jpg"), at_angle(1.9, "other.jpg")])
        file.add("Bo", [at_angle(0.9, "his.jpg")])
        new = [at_angle(COPIED - 0.01, "small.jpg"), at_angle(0.9, "a.jpg"), at_angle(1.0, "b.jpg"), at_angle(1.5, "c")]
        names = [f"photos/{each.photo_name}" for each in new]
        notes = list(copy_notes("Ann", new, names, file.near(new).faces))
    assert [note.partition(": ")[0] for note in notes] == [
        "photos/small.jpg may be the same picture as front.jpg of Ann",
        "photos/b.jpg may be the same picture as photos/a.jpg of Ann",
    ]
    assert "they are 0.24 apart, and two photos are nearly always more than 0.25 apart; copies vouch" in notes[0]


def test_the_first_photos_of_a_gallery_are_compared_with_each_other(tmp_path: Path) -> None:
    with GalleryFile.create(tmp_path / "g", GalleryModel("ab" * 32, 3, "drawn")) as file:
        for distances, count in (((0.0, COPIED + 0.01), 0), ((0.0, 0.1, 1.0), 1)):
            new = [at_angle(distance, f"{distance}") for distance in distances]
            assert len(list(copy_notes("Ann", new, [each.photo_name for each in new], file.near(new).faces))) == count
