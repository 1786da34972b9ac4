"""Masks: where they are put, that only they change anything, and that batching changes nothing."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.faces.alignment import arcface_template
from maskrec.faces.masks import DRAWN, MASK_TYPES, REFERENCE_TYPES, mask_index, put_on_masks
from maskrec.faces.masks.putting_on import put_on_unseen
from maskrec.faces.masks.types import FAMILIES
from maskrec.faces.masks.wearing import Wearing

SIZE = 112
COLOURS = {
    "surgical_green": (0x44, 0xB4, 0xA8),
    "surgical_blue": (0x1C, 0xA0, 0xF4),
    "n95": (255, 255, 255),
    "kn95": (255, 255, 255),
    "cloth_black": (0, 0, 0),
}


def _draws(count: int, epoch: int = 0) -> SeededDraws:
    return SeededDraws(7, epoch, "mask", torch.arange(count))


def _template(count: int, size: int = SIZE) -> Tensor:
    return torch.tensor(arcface_template(size), dtype=torch.float32).expand(count, 5, 2).clone()


def _faces(count: int, size: int = SIZE, value: float = 0.55) -> Tensor:
    return torch.full((count, 3, size, size), value)


def _turned(degrees: float, count: int = 1) -> Tensor:
    """The five points of a head turned to the viewer's right, by rotation matrices."""
    head = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.571, 0.42], [-0.414, 1.156, 0.1], [0.414, 1.156, 0.1]])
    angle = math.radians(degrees)
    turned = head[:, 0] * math.cos(angle) + head[:, 2] * math.sin(angle)
    points = np.stack([56 + 35 * turned, 45 + 35 * head[:, 1]], 1)
    return torch.tensor(points, dtype=torch.float32).expand(count, 5, 2)


def _changed(before: Tensor, after: Tensor) -> Tensor:
    return ((after - before).abs().amax(1) > 0.02).to(torch.float32)


def test_names_and_numbers() -> None:
    assert tuple(COLOURS) == REFERENCE_TYPES == MASK_TYPES[:5]
    assert [mask_index(name) for name in MASK_TYPES] == list(range(len(MASK_TYPES)))
    assert sorted(name for names in FAMILIES for name in names) == sorted(MASK_TYPES)
    with pytest.raises(ValueError, match="unknown mask type 'n99'"):
        mask_index("n99")


@pytest.mark.parametrize("name", MASK_TYPES)
@pytest.mark.parametrize("turn", [-45, -20, 0, 20, 45])
def test_covers_mouth_nose_tip_and_chin_but_not_eyes_or_brow(name: str, turn: float) -> None:
    count = 16
    images, landmarks = _faces(count) * torch.tensor([1.6, 0.2, 1.6])[:, None, None], _turned(turn, count)
    worn = put_on_masks(images, landmarks, torch.full((count,), mask_index(name)), _draws(count))
    changed = _changed(images, worn)
    eyes, mouth = landmarks[0, :2].mean(0), landmarks[0, 3:].mean(0)
    chin = eyes + (mouth - eyes) * 1.45
    for point in (landmarks[0, 2], landmarks[0, 3], landmarks[0, 4], mouth, chin):
        x, y = (int(value) for value in point.round())
        assert changed[:, y, x].all(), point
    for point in (*landmarks[0, :2], eyes - 0.3 * (mouth - eyes)):
        x, y = (int(value) for value in point.round())
        assert not changed[:, y - 2 : y + 3, x - 2 : x + 3].any(), point
    assert 0.12 < float(changed.mean()) < 0.45


@pytest.mark.parametrize("name", REFERENCE_TYPES)
def test_colours_are_the_named_ones(name: str) -> None:
    """In good light the middle of the mask shows its fabric's colour."""
    images = _faces(32, value=0.65)
    worn = put_on_masks(images, _template(32), torch.full((32,), mask_index(name)), _draws(32))
    middle = worn[:, :, 76:98, 40:72].mean((0, 2, 3)) * 255
    wanted = torch.tensor(COLOURS[name], dtype=torch.float32)
    assert (middle - wanted).abs().max() < 45
    if name.startswith("surgical"):
        assert torch.equal(middle.argsort(), wanted.argsort())


def test_light_follows_the_face() -> None:
    bright = put_on_masks(_faces(1, value=0.6), _template(1), torch.tensor([2]), _draws(1))
    dark = put_on_masks(_faces(1, value=0.1), _template(1), torch.tensor([2]), _draws(1))
    assert dark[0, :, 80:95, 50:62].mean() < 0.75 * bright[0, :, 80:95, 50:62].mean()
    sided = _faces(1)
    sided[..., :56] = 0.15
    worn = put_on_masks(sided, _template(1), torch.tensor([2]), _draws(1))
    assert worn[0, :, 80:90, 34:44].mean() < worn[0, :, 80:90, 68:78].mean() - 0.05


def test_the_far_cheek_shows_less_mask_when_the_head_turns() -> None:
    images = _faces(8)
    types = torch.full((8,), 1)
    for turn in (40, -40):
        changed = _changed(images, put_on_masks(images, _turned(turn, 8), types, _draws(8)))[:, 60:85]
        nose = int(_turned(turn)[0, 2, 0])
        near, far = changed[..., :nose].sum(), changed[..., nose:].sum()
        assert (near > 1.5 * far) == (turn > 0)
        assert (far > 1.5 * near) == (turn < 0)


def test_bare_faces_and_inputs_stay_bit_for_bit() -> None:
    images = torch.rand(6, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    landmarks = _template(6)
    types = torch.tensor([-1, 0, -1, 3, -1, 4])
    worn = put_on_masks(images, landmarks, types, _draws(6))
    assert torch.equal(images, before)
    assert torch.equal(worn[types < 0], images[types < 0])
    assert all(not torch.equal(worn[i], images[i]) for i in (1, 3, 5))
    assert torch.equal(put_on_masks(images, landmarks, torch.full((6,), -1), _draws(6)), images)
    assert worn.min() >= 0
    assert worn.max() <= 1


def test_two_copies_in_a_batch_differ_and_epochs_too() -> None:
    images, landmarks, types = _faces(2), _template(2), torch.tensor([1, 1])
    worn = put_on_masks(images, landmarks, types, _draws(2))
    assert not torch.equal(worn[0], worn[1])
    assert torch.equal(worn, put_on_masks(images, landmarks, types, _draws(2)))
    assert not torch.equal(worn, put_on_masks(images, landmarks, types, _draws(2, epoch=1)))


@pytest.mark.parametrize(("size", "count"), [(61, 23), (112, 120)])
def test_batching_changes_no_bit(size: int, count: int) -> None:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(count, 3, size, size, generator=generator)
    landmarks = _template(count, size) + torch.randn(count, 5, 2, generator=generator) * 3
    types = torch.arange(count) % 16 - 1
    whole = put_on_masks(images, landmarks, types, _draws(count))
    for step in (1, 9):
        parts = [
            put_on_masks(
                images[i : i + step],
                landmarks[i : i + step],
                types[i : i + step],
                SeededDraws(7, 0, "mask", torch.arange(count)[i : i + step]),
            )
            for i in range(0, count, step)
        ]
        assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("size", [40, 64])
def test_faces_painted_without_knowing_their_masks_are_those_painted_by_kind(size: int) -> None:
    """As on a device, whose memory is not looked into: every feature for every face, in whole pictures."""
    count = 3 * len(MASK_TYPES)
    noise = torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))
    types = torch.arange(count) % (len(MASK_TYPES) + 1) - 1
    points = _template(count, size)
    points[5] += 1e25  # beside its picture: bare there
    apart = put_on_masks(noise, points, types, _draws(count))
    together = noise.clone()
    put_on_unseen(together, points, types, _draws(count).matrix(DRAWN), Wearing(), fused=False)
    assert torch.equal(apart, together)


def test_a_mirrored_face_gets_a_mirrored_outline() -> None:
    """Without jitter, which draws of zero offset give, left and right are treated alike."""

    class Still:
        def matrix(self, columns: tuple[tuple[str, int], ...]) -> Tensor:
            return torch.full((1, sum(count for _, count in columns)), 0.5)

    landmarks = _turned(25)
    mirrored = landmarks[:, [1, 0, 2, 4, 3]].clone()
    mirrored[..., 0] = SIZE - 1 - mirrored[..., 0]
    for number in range(5):
        types = torch.tensor([number])
        one = put_on_masks(_faces(1), landmarks, types, Still())  # type: ignore[arg-type]
        other = put_on_masks(_faces(1), mirrored, types, Still())  # type: ignore[arg-type]
        assert (_changed(_faces(1), one) - _changed(_faces(1), other).flip(2)).abs().mean() < 0.01


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(
        st.one_of(st.floats(-300, 300, width=32), st.floats(-(2.0**100), 2.0**100, width=32)), min_size=10, max_size=10
    ),
    number=st.integers(0, 14),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
)
def test_any_landmarks_give_pixels(points: list[float], number: int, height: int, width: int) -> None:
    """Profiles, upside-down faces, faces outside the picture, coinciding landmarks: never NaN, always in range; and
    whatever they are, the face beside them is drawn as if it were alone."""
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    wild, types = torch.tensor(points).reshape(1, 5, 2), torch.tensor([number, number])
    worn = put_on_masks(images, torch.cat([_template(1, max(height, width)), wild]), types, _draws(2))
    alone = put_on_masks(images[:1], _template(1, max(height, width)), types[:1], _draws(1))
    assert torch.equal(worn[:1], alone)
    assert worn.shape == images.shape
    assert torch.isfinite(worn).all()
    assert worn.min() >= 0
    assert worn.max() <= 1


@pytest.mark.parametrize("points", [[[5.0, 5.0]] * 5, [[float(i), float(i)] for i in range(5)], [[0.0, 0.0]] * 5])
def test_degenerate_landmarks(points: list[list[float]]) -> None:
    worn = put_on_masks(_faces(1), torch.tensor([points]), torch.tensor([0]), _draws(1))
    assert torch.isfinite(worn).all()


def test_a_face_far_beside_its_picture_does_not_touch_the_others() -> None:
    """The squares of its coordinates exceed the range of float32."""
    images, landmarks = _faces(3), torch.cat([_template(1), torch.full((1, 5, 2), 1e25), _template(1)])
    worn = put_on_masks(images, landmarks, torch.zeros(3, dtype=torch.int64), _draws(3))
    assert torch.isfinite(worn).all()
    assert torch.equal(worn[1], images[1])
    assert torch.equal(worn[:1], put_on_masks(images[:1], landmarks[:1], torch.tensor([0]), _draws(1)))


def test_refuses_what_does_not_fit() -> None:
    images, landmarks = _faces(2), _template(2)
    with pytest.raises(ValueError, match="from -1 to 14"):
        put_on_masks(images, landmarks, torch.tensor([15, 0]), _draws(2))
    with pytest.raises(ValueError, match="from -1 to 14"):
        put_on_masks(images, landmarks, torch.tensor([-2, 0]), _draws(2))
    with pytest.raises(ValueError, match="landmarks"):
        put_on_masks(images, landmarks[:1], torch.tensor([0, 0]), _draws(2))
    with pytest.raises(ValueError, match="finite"):
        put_on_masks(images, landmarks * math.nan, torch.tensor([0, 0]), _draws(2))


def test_real_faces_keep_their_eyes(shared_faces: Path) -> None:
    """On aligned press photos masks hide the mouth and leave the eyes' line as it is."""
    import cv2

    from maskrec.images.canvas import to_canvas

    with (shared_faces / "lfw_landmarks.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1::331]
    images, landmarks = [], []
    for row in rows:
        photo = cv2.imread(str(shared_faces / row[0]))[:, :, ::-1]
        image, points = to_canvas(photo, np.array(row[6:16], dtype=float).reshape(5, 2), SIZE, "arcface")
        images.append(image)
        landmarks.append(points)
    faces, points = torch.stack(images) / 255, torch.stack(landmarks)  # type: ignore[arg-type]
    worn = put_on_masks(faces, points, torch.arange(len(rows)) % 5, _draws(len(rows)))
    changed = _changed(faces, worn)
    assert not changed[:, :45].any()
    mouth = points[:, 3:].mean(1).round().long()
    hidden = changed[torch.arange(len(rows)), mouth[:, 1], mouth[:, 0]]
    assert hidden.mean() > 0.95
