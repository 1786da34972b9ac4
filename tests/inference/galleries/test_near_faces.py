"""The part of a gallery that new faces are compared with says what the whole gallery says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from searching_models import measured_decisions

from maskrec.base.errors import UsageError
from maskrec.inference.galleries.enrolled import FaceQuality, GalleryModel, NewFace
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.row_blocks import LARGEST_BLOCK
from maskrec.inference.galleries.search_answer import SearchedFace
from maskrec.inference.photos.found_face import Face
from maskrec.metrics import normalise

WIDTH, DECISIONS = 8, measured_decisions()
QUALITY = FaceQuality(60.0, 200.0, 1.0)


def unit_rows(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return normalise(rng.normal(size=(count, WIDTH))).astype(np.float32)


def sha256(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def new_face(row: NDArray[np.float32], masked: bool | None, number: int) -> NewFace:
    return NewFace(row, masked, QUALITY, f"{number}.jpg", sha256(number))


def drawn_gallery(path: Path, seed: int, people: int, faces: int, distinct: int) -> None:
    """People with up to ``faces`` rows out of ``distinct``, so that several of them may lie at one distance."""
    rng = np.random.default_rng(seed)
    rows, number = unit_rows(distinct, rng), 0
    with GalleryFile.create(path, GalleryModel("ab" * 32, WIDTH, "drawn")) as file:
        drawn = []
        for person in range(people):
            own = []
            for _ in range(int(rng.integers(1, faces + 1))):
                number += 1
                masked = [None, False, True][int(rng.choice(3, p=[0.1, 0.6, 0.3]))]
                own.append(new_face(rows[rng.integers(distinct)], masked, number))
            drawn.append((f"p{person}", own))
        file.add_many(drawn)
        for person in range(0, people, max(1, people // 20)):  # faces of a person in several blocks
            number += 1
            file.add(f"p{person}", [new_face(rows[rng.integers(distinct)], False, number)])


def answers(loaded: LoadedGallery, asked: NDArray[np.float32]) -> list[list[tuple[object, ...]]]:
    """Who each is, bare, masked and not known, as the whole gallery's names say it."""
    faces = [
        Face((0.0, 0.0, 4.0, 4.0), None, None, np.zeros((4, 4, 3), np.uint8), masked=masked)
        for _ in asked
        for masked in (False, True, None)
    ]
    found = loaded.search(faces, np.repeat(asked, 3, axis=0), SearchSettings(fpir=0.5, top=1))
    plain = []
    for each in found:
        assert isinstance(each, SearchedFace), each
        plain.append([(one.name, one.found, one.log_odds, one.distance, one.photo) for one in each.candidates])
    return plain


@pytest.mark.parametrize(("people", "faces", "distinct"), [(1, 1, 1), (3, 2, 2), (30, 4, 10), (200, 2, 900)])
@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_people_are_those_of_the_whole_gallery(
    tmp_path: Path, seed: int, people: int, faces: int, distinct: int
) -> None:
    drawn_gallery(tmp_path / "g", seed, people, faces, distinct)
    asked = unit_rows(3, np.random.default_rng(100 + seed))
    with GalleryFile.open(tmp_path / "g") as file:
        whole = file.faces()
        asked = np.concatenate([asked, whole.embeddings[:1]])
        near = file.near([new_face(row, False, 10**6 + place) for place, row in enumerate(asked)])
    every, part = LoadedGallery(whole, DECISIONS, "m"), LoadedGallery(near.faces, DECISIONS, "m", near.states)
    states, counts = np.unique(whole.masked, return_counts=True)
    assert near.states == dict(zip(states.tolist(), counts.tolist(), strict=True))
    assert near.faces.names == whole.names
    places = np.searchsorted(whole.ids, near.faces.ids)
    assert (np.diff(places) > 0).all()
    for one, other in zip(every.nearest(asked), part.nearest(asked), strict=True):
        assert (one[0], one[1]) == (int(places[other[0]]), other[1])
    assert answers(part, asked) == answers(every, asked)
    for column in ("people", "embeddings", "masked", "quality"):
        assert np.array_equal(getattr(near.faces, column), getattr(whole, column)[places])
    assert [whole.photo_names[place] for place in places] == list(near.faces.photo_names)


def test_most_of_a_gallery_is_not_kept(tmp_path: Path) -> None:
    drawn_gallery(tmp_path / "g", 1, 2500, 3, 7000)
    with GalleryFile.open(tmp_path / "g") as file:
        asked = unit_rows(2, np.random.default_rng(2))
        near = file.near([new_face(row, False, 10**6 + place) for place, row in enumerate(asked)])
        whole = file.faces()
    assert sum(near.states.values()) == len(whole.ids) > 2 * LARGEST_BLOCK
    assert 3 <= len(near.faces.ids) < 60
    found = LoadedGallery(near.faces, DECISIONS, "m").nearest(asked)
    expected = LoadedGallery(whole, DECISIONS, "m").nearest(asked)
    assert [(near.faces.ids[place], apart) for place, apart in found] == [
        (whole.ids[one], far) for one, far in expected
    ]


def test_whoever_has_the_photo_is_kept_however_far_away(tmp_path: Path) -> None:
    drawn_gallery(tmp_path / "g", 3, 200, 1, 400)
    with GalleryFile.open(tmp_path / "g") as file:
        row = unit_rows(1, np.random.default_rng(4))[0]
        near = file.near([new_face(row, False, 17)])
        assert sha256(17) in list(near.faces.photo_sha256)
        assert sha256(17) not in list(file.near([new_face(row, False, 10**6)]).faces.photo_sha256)


def test_an_empty_gallery_has_nobody_near(tmp_path: Path) -> None:
    with GalleryFile.create(tmp_path / "g", GalleryModel("ab" * 32, WIDTH, "drawn")) as file:
        near = file.near([new_face(unit_rows(1, np.random.default_rng(0))[0], False, 1)])
    assert (len(near.faces.ids), near.faces.names, near.states) == (0, (), {})


def _scaled(embeddings: bytes) -> bytes:
    return (2 * np.frombuffer(embeddings, "<f4")).tobytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_scaled, "not finite or not of unit length"),
        (lambda embeddings: embeddings[:-4], "lengths of its blocks do not match"),
    ],
)
def test_a_damaged_embedding_is_seen_although_it_is_not_kept(
    tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    import sqlite3

    drawn_gallery(tmp_path / "g", 5, 40, 1, 80)
    connection = sqlite3.connect(tmp_path / "g")
    place, embeddings = connection.execute("SELECT id, embeddings FROM blocks ORDER BY id").fetchone()
    connection.execute("UPDATE blocks SET embeddings = ? WHERE id = ?", (change(embeddings), place))
    connection.commit()
    connection.close()
    with (
        GalleryFile.open(tmp_path / "g") as file,
        pytest.raises(UsageError, match=said),
    ):
        file.near([new_face(unit_rows(1, np.random.default_rng(6))[0], False, 1)])


def test_nearly_equal_faces_are_told_apart_in_float64(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    asked = unit_rows(5, rng)
    rows = normalise(np.repeat(asked, 60, axis=0) + 1e-5 * rng.normal(size=(300, WIDTH))).astype(np.float32)
    with GalleryFile.create(tmp_path / "g", GalleryModel("ab" * 32, WIDTH, "drawn")) as file:
        file.add_many((f"p{place}", [new_face(row, False, place)]) for place, row in enumerate(rows))
        near = file.near([new_face(row, False, 10**6 + place) for place, row in enumerate(asked)])
        whole = file.faces()
    found = LoadedGallery(near.faces, DECISIONS, "m").nearest(asked)
    expected = LoadedGallery(whole, DECISIONS, "m").nearest(asked)
    assert [near.faces.ids[one] for one, _ in found] == [whole.ids[one] for one, _ in expected]
