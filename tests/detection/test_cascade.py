"""The batched cascade against facenet-pytorch's own, and its pieces against loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskrec.detection.cascade import CELL, Faces, Thresholds, _moved, _square, _windows, _without_nested
from maskrec.detection.face_choice import choose, tell_apart
from maskrec.detection.find_faces import cascade, find_faces
from maskrec.faces.synthetic.album import Album
from maskrec.images.decoding import read_image


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn() -> list[NDArray[np.uint8]]:
    made = Album(3, 140, 8, 1)
    return [np.ascontiguousarray(made[index][0].permute(1, 2, 0).numpy()) for index in range(len(made))]


def _peer(photos: list[NDArray[np.uint8]], smallest: float) -> list[Faces]:
    from facenet_pytorch import MTCNN

    mtcnn, found = MTCNN(min_face_size=smallest), []
    for photo in photos:
        boxes, scores, points = mtcnn.detect(photo, landmarks=True)
        none = boxes is None
        found.append(Faces(*(np.zeros((0, 4)) if none else np.array(part, float) for part in (boxes, scores, points))))
    return found


def _compare(photos: list[NDArray[np.uint8]], smallest: float) -> None:
    """Both find the same faces: another resampling moves points by a fraction of what the networks can resolve."""
    ours, theirs = cascade("cpu").find(photos, [smallest] * len(photos), Thresholds()), _peer(photos, smallest)
    agreeing = 0
    for mine, other in zip(ours, theirs, strict=True):
        sure = np.flatnonzero(other.scores > 0.95)
        for face in sure.tolist():
            width = other.boxes[face, 2] - other.boxes[face, 0]
            assert len(mine)
            distances = np.abs(mine.landmarks - other.landmarks[face]).max((1, 2)) / width
            agreeing += distances.min() < 0.06
        assert len(mine) >= len(sure)
    total = sum(int((other.scores > 0.95).sum()) for other in theirs)
    assert total >= len(photos) * 0.7
    assert agreeing >= 0.8 * total


def test_drawn_faces_as_facenet_finds_them(drawn: list[NDArray[np.uint8]]) -> None:
    _compare(drawn, 30.0)


def test_real_faces_as_facenet_finds_them(shared_faces: Path) -> None:
    people = sorted((shared_faces / "lfw").iterdir())[:2000:80]
    _compare([read_image(min(person.iterdir())) for person in people], 50.0)


def test_photos_of_all_sizes_at_once(drawn: list[NDArray[np.uint8]]) -> None:
    """Apart from small changes, faces do not depend on the batch's other photos; black photos have none."""
    photos = [drawn[0], drawn[1][:, 10:], np.zeros((50, 70, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)]
    photos += [np.kron(drawn[0], np.ones((8, 8, 1), np.uint8)), np.pad(drawn[0], ((0, 0), (200, 300), (0, 0)))]
    together = find_faces(photos, None)
    alone = [find_faces([photo], None)[0] for photo in photos]
    assert [len(faces) for faces in together] == [len(faces) for faces in alone] == [1, 1, 0, 0, 1, 1]
    for mine, other in zip(together, alone, strict=True):
        assert np.allclose(mine.landmarks, other.landmarks, atol=0.5)
    centre = together[0].landmarks[0].mean(0)
    assert np.abs(together[4].landmarks[0].mean(0) / 8 - centre).max() < 4
    assert np.abs(together[5].landmarks[0].mean(0) - [200, 0] - centre).max() < 4


def test_faces_that_fill_the_photo(drawn: list[NDArray[np.uint8]]) -> None:
    tight = [photo[30:115, 28:112] for photo in drawn]
    found = find_faces(tight, None)
    assert sum(len(faces) > 0 for faces in found) >= 6
    for faces in found:
        assert (np.round(faces.landmarks, 2) == faces.landmarks).all()
        assert (np.round(faces.boxes, 2) == faces.boxes).all()


def test_a_smallest_face_keeps_small_ones_out(drawn: list[NDArray[np.uint8]]) -> None:
    canvas = np.full((400, 400, 3), 127, np.uint8)
    canvas[100:240, 100:240] = drawn[0]
    assert len(find_faces([canvas], 40.0)[0]) == 1
    assert len(find_faces([canvas], 250.0)[0]) == 0


BOX = st.tuples(*[st.integers(-50, 200)] * 2, *[st.integers(1, 150)] * 2).map(
    lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]]
)


@given(st.lists(st.tuples(BOX, st.floats(0, 1, width=32)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_nested_faces_go(faces: list[tuple[list[int], float]]) -> None:
    boxes = np.array([box for box, _ in faces], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in faces], np.float32)
    kept: list[int] = []
    for face in sorted(range(len(faces)), key=lambda one: (-scores[one], one)):
        left, top, right, bottom = boxes[face].tolist()
        area = (right - left + 1) * (bottom - top + 1)
        nested = False
        for other in kept:
            x1, y1, x2, y2 = boxes[other].tolist()
            common = max(0, min(right, x2) - max(left, x1) + 1) * max(0, min(bottom, y2) - max(top, y1) + 1)
            nested |= common > 0.7 * min(area, (x2 - x1 + 1) * (y2 - y1 + 1))
        if not nested:
            kept.append(face)
    got = _without_nested(Faces(boxes, scores, np.zeros((len(faces), 5, 2), np.float32)))
    assert got.boxes.tolist() == boxes[kept].tolist()


@given(BOX, st.lists(st.floats(-0.5, 0.5, width=32), min_size=4, max_size=4), st.sampled_from([0.0, 1.0]))
@settings(max_examples=60, deadline=None)
def test_boxes_move_and_grow_to_squares(box: list[int], offsets: list[float], extra: float) -> None:
    width, height = box[2] - box[0] + extra, box[3] - box[1] + extra
    moved = _moved(torch.tensor([box], dtype=torch.float32), torch.tensor([offsets]), extra)[0].tolist()
    wanted = [edge + offset * side for edge, offset, side in zip(box, offsets, [width, height] * 2, strict=True)]
    assert moved == pytest.approx(wanted, abs=1e-3)
    left, top, right, bottom = _square(torch.tensor([box], dtype=torch.float32))[0].tolist()
    assert right - left == bottom - top == max(box[2] - box[0], box[3] - box[1])
    assert (left + right, top + bottom) == pytest.approx((box[0] + box[2], box[1] + box[3]), abs=1e-3)


def test_windows_lie_where_the_first_network_looked() -> None:
    probabilities = torch.zeros(2, 4, 5)
    probabilities[1, 2, 3] = 0.75
    offsets = torch.arange(2 * 4 * 4 * 5, dtype=torch.float32).reshape(2, 4, 4, 5)
    boxes, owner = _windows(offsets, probabilities, 0.5, 0.6)
    assert owner.tolist() == [1]
    start_x, start_y = int((3 * 2 + 1) / 0.5), int((2 * 2 + 1) / 0.5)
    end_x, end_y = int((3 * 2 + CELL) / 0.5), int((2 * 2 + CELL) / 0.5)
    assert boxes.tolist() == [[start_x, start_y, end_x, end_y, 0.75, *offsets[1, :, 2, 3].tolist()]]


def _faces(*told: tuple[float, float, float, float]) -> Faces:
    """Faces by centre, side and score."""
    boxes = np.array([[x - side / 2, y - side / 2, x + side / 2, y + side / 2] for x, y, side, _ in told])
    return Faces(boxes, np.array([score for *_, score in told]), np.zeros((len(told), 5, 2)))


def test_which_face_is_meant() -> None:
    middle, large, edge = (50, 50, 30, 0.99), (20, 50, 40, 0.98), (95, 95, 45, 0.97)
    faces, shape = _faces(edge, middle, large), (100, 100)

    def centre(choice: str, among: Faces = faces) -> list[list[float]] | None:
        chosen = choose(among, shape, choice)  # type: ignore[arg-type]
        return None if chosen is None else ((chosen.boxes[:, :2] + chosen.boxes[:, 2:]) / 2).tolist()

    assert centre("largest") == [[95, 95]]
    assert centre("central") == [[50, 50]]
    assert centre("all") == [[20, 50], [50, 50], [95, 95]]
    assert centre("only") is None
    doubtful = _faces((50, 50, 30, 0.95), (20, 20, 20, 0.7))
    assert centre("only", doubtful) == centre("all", doubtful) == [[50, 50]]
    assert centre("only", _faces((50, 50, 30, 0.65))) == [[50, 50]]
    assert centre("only", _faces((50, 50, 30, 0.65), (10, 10, 9, 0.7))) is None
    assert tell_apart(faces) == "3 faces, 45, 40, 30 pixels wide"
