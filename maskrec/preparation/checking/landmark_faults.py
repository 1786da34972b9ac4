"""Landmarks that no face in the photo could have, as problems."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from maskrec.faces.landmarks import find_broken
from maskrec.preparation.face_sets import FaceSet, SetProblem


def find_broken_landmarks(faces: FaceSet, sizes: NDArray[np.int32]) -> Iterator[SetProblem]:
    """Check for points that coincide, sides that are swapped, points outside of the photo.

    Args:
        faces: a set with landmarks; NaN where its listing is already faulty.
        sizes: int32 ``(n, 2)`` width and height of its photos; zeros where unknown.
    """
    assert faces.landmarks is not None
    for broken in find_broken(faces.landmarks, sizes):
        place, people = (faces.place(broken.index),), (faces.people[broken.index],)
        yield SetProblem.of("error" if broken.severe else "warning", "landmarks", broken.message, place, people)
