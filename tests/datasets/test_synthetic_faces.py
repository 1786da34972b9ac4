"""The data set of cartoon faces: the data set contract, and its parameters."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

from maskrec.contracts.context import CheckContext
from maskrec.datasets.synthetic_faces import SyntheticFaces

GOOD: dict[str, Any] = {
    "identities": 64,
    "images_per_identity": 20,
    "first_identity": 0,
    "face_seed": 0,
    "cache_mib": 2048,
}


def test_keeps_the_contract() -> None:
    data = SyntheticFaces(48, identities=5, images_per_identity=3, first_identity=123)
    assert len(data) == 15 == len(data.labels)
    assert list(data.labels) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert data.num_classes == 5
    assert data.has_landmarks
    assert data.identities == [f"synthetic-{number:06d}" for number in range(123, 128)]
    sample = data[7]
    assert sample.image.shape == (3, 48, 48)
    assert sample.image.dtype == torch.uint8
    assert sample.landmarks is not None
    assert sample.landmarks.shape == (5, 2)
    assert sample.landmarks.dtype == torch.float32
    assert (sample.label, sample.masked, sample.path) == (2, False, "synthetic/000125/0001")


def test_a_person_stays_the_same_beside_others() -> None:
    few, many = SyntheticFaces(32, 2, 3, first_identity=10), SyntheticFaces(32, 20, 7)
    assert torch.equal(few[3 + 2].image, many[11 * 7 + 2].image)
    assert few.identities[1] == many.identities[11]


def test_separate_ranges_share_no_people() -> None:
    training, held_out = SyntheticFaces(32, 400), SyntheticFaces(32, 100, first_identity=10_000)
    assert not set(training.identities) & set(held_out.identities)
    assert not set(training.identities) & set(SyntheticFaces(32, 400, face_seed=1).identities)


def test_all_photos_differ() -> None:
    data = SyntheticFaces(32, 10, 10)
    assert len({data[index].image.numpy().tobytes() for index in range(100)}) == 100


def test_a_pickled_copy_gives_the_same_samples() -> None:
    data = SyntheticFaces(32, 3, 3)
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[4].image, data[4].image)
    assert copy.labels == data.labels


@pytest.mark.parametrize(
    ("name", "value"),
    [("identities", 0), ("identities", -3), ("images_per_identity", 0), ("first_identity", -1), ("cache_mib", -1)],
)
def test_a_bad_parameter_is_refused_with_one_sentence(name: str, value: int) -> None:
    values = {**GOOD, name: value}
    (problem,) = SyntheticFaces.check(values, CheckContext(givens={"image_size": 64}))
    assert problem.path == name
    with pytest.raises(ValueError, match=str(value)) as caught:
        SyntheticFaces(64, **values)
    assert str(caught.value) == problem.message
    assert not problem.message.endswith("\n")


def test_a_canvas_out_of_range() -> None:
    (problem,) = SyntheticFaces.check(GOOD, CheckContext(givens={"image_size": 8}))
    assert "16 to 1024" in problem.message
    assert not list(SyntheticFaces.check(GOOD, CheckContext()))
    with pytest.raises(ValueError, match="16 to 1024"):
        SyntheticFaces(8)
