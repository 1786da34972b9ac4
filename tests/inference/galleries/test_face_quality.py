"""What a gallery keeps of how well a face could be seen."""

from __future__ import annotations

import numpy as np

from maskrec.inference.galleries.enrolled import FaceQuality
from maskrec.inference.galleries.enrolling import quality_of
from maskrec.inference.photos.face_notes import sharpness
from maskrec.inference.photos.found_face import Face

LANDMARKS = np.array([[10.0, 20.0], [40.0, 60.0], [25.0, 70.0], [15.0, 80.0], [35.0, 90.0]])


def test_the_eyes_are_as_far_apart_as_in_the_photo() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    face = Face((0.0, 0.0, 50.0, 100.0), LANDMARKS, 0.97, image)
    assert quality_of(face) == FaceQuality(50.0, sharpness(image), 0.97)


def test_a_photo_taken_whole_has_no_eyes() -> None:
    image = np.zeros((112, 112, 3), np.uint8)
    assert quality_of(Face((0.0, 0.0, 112.0, 112.0), None, None, image)) == FaceQuality(None, sharpness(image), None)
