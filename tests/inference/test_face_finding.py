"""Faces of photos: found and aligned, their mask state and notes, and which one is meant."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.detection.face_choice import choose
from maskrec.detection.find_faces import find_faces
from maskrec.faces.alignment import arcface_template
from maskrec.faces.synthetic.album import Album
from maskrec.images.canvas import pixels_on_canvas
from maskrec.inference.photos.face_finding import WHOLE_PHOTO, aligned_face, choose_face, find_in
from maskrec.inference.photos.face_notes import nose_place, notes_on, roll_angle, share_outside, sharpness
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.mask_probe import BLOCKS, MaskProbe
from maskrec.inference.photos.photo_input import NamedPhoto, read_photo

ARCFACE = InputSpec(112, alignment="arcface")
BLANK = NamedPhoto(np.full((90, 130, 3), 127, np.uint8), "blank")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def album() -> list[tuple[NamedPhoto, NDArray[np.float32]]]:
    made = Album(3, 140, 4, 1)
    return [(NamedPhoto(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), f"drawn {number}"), points.numpy())
            for number, (image, points) in enumerate(made[index] for index in range(len(made)))]  # fmt: skip


@pytest.fixture(scope="module")
def two(album: list[tuple[NamedPhoto, NDArray[np.float32]]]) -> NamedPhoto:
    """A photo of two faces, the larger on the right and lower."""
    wide = np.full((300, 460, 3), 127, np.uint8)
    wide[20:160, 10:150] = album[0][0].pixels
    wide[70:280, 230:440] = cv2.resize(album[1][0].pixels, (210, 210))
    return NamedPhoto(wide, "two.jpg")


def dark_probe() -> MaskProbe:
    """Says masked where the canvas is dark."""
    return MaskProbe(np.full(3 * BLOCKS**2, -40.0 / (3 * BLOCKS**2)), 12.0)


def test_drawn_faces_are_found_where_they_were_drawn_and_aligned(album: Any) -> None:
    found = find_in([photo for photo, _ in album], ARCFACE, None)
    for (photo, points), faces in zip(album, found, strict=True):
        (face,) = faces
        assert np.abs(face.landmarks - points).max() < 10
        assert face.landmarks.dtype == np.float64
        assert face.score is not None
        assert face.score > 0.9
        image, _ = pixels_on_canvas(photo.pixels, face.landmarks, 112, "arcface")
        assert np.array_equal(face.image, image)
        assert (face.masked, face.mask_probability) == (None, None)


def test_a_network_of_boxes_gets_the_detectors_box(album: Any) -> None:
    photo, _ = album[0]
    ((face,),) = find_in([photo], InputSpec(80, alignment="box"), None)
    (expected,) = find_faces([photo.pixels], None)
    assert face.box == tuple(expected.boxes[0].tolist())
    image, _ = pixels_on_canvas(photo.pixels, None, 80, "box", expected.boxes[0])
    assert np.array_equal(face.image, image)


def test_a_network_without_alignment_gets_the_whole_photo_and_it_is_said(album: Any) -> None:
    photo = NamedPhoto(album[0][0].pixels[:, 10:110], "narrow")
    ((face,), (blank,)) = find_in([photo, BLANK], InputSpec(50), None)
    assert face.box == (0.0, 0.0, 100.0, 140.0)
    assert (face.landmarks, face.score, face.notes) == (None, None, (WHOLE_PHOTO,))
    image, _ = pixels_on_canvas(photo.pixels, None, 50, "none")
    assert np.array_equal(face.image, image)
    assert choose_face([blank], (90, 130), "only", "blank") is blank
    assert aligned_face(photo, InputSpec(50), None).notes == ()


def test_the_mask_state_is_the_probes(album: Any) -> None:
    photos = [photo for photo, _ in album]
    probe = dark_probe()
    for faces in find_in(photos, ARCFACE, probe):
        for face in faces:
            (chance,) = probe.probability(face.image[None])
            assert face.mask_probability == pytest.approx(chance)
            assert face.masked == (None if 0.2 < chance < 0.8 else chance >= 0.8)
    shades = [aligned_face(NamedPhoto(np.full((9, 9, 3), shade, np.uint8), ""), ARCFACE, probe).masked
              for shade in (0, 76, 255)]  # fmt: skip
    assert shades == [True, None, False]


def test_photos_of_many_sizes_keep_their_order(album: Any, two: NamedPhoto) -> None:
    alone = find_in([two], ARCFACE, None)[0]
    together = find_in([BLANK, two, album[2][0], BLANK], ARCFACE, None)
    assert [len(faces) for faces in together] == [0, 2, 1, 0]
    lefts = [face.box[0] for face in together[1]]
    assert lefts == sorted(lefts)
    assert np.allclose(lefts, [face.box[0] for face in alone], atol=1)


def test_one_of_several_faces_is_chosen_as_data_align_does(two: NamedPhoto) -> None:
    faces = find_in([two], ARCFACE, None)[0]
    assert len(faces) == 2
    plain = find_faces([two.pixels], None)[0]
    for which in ("largest", "central"):
        expected = choose(plain, two.pixels.shape[:2], which)  # type: ignore[arg-type]
        assert expected is not None
        chosen = choose_face(faces, two.pixels.shape[:2], which, two.name)  # type: ignore[arg-type]
        assert chosen.box == tuple(expected.boxes[0].tolist())
    assert choose_face(faces, (300, 460), "largest", "two.jpg") is faces[1]
    assert [choose_face(faces, (300, 460), number, "two.jpg") for number in (1, 2)] == faces


def face(left: float, side: float = 50.0, score: float = 0.99) -> Face:
    return Face(
        (left, 10.0, left + side, 10.0 + side), arcface_template(50) + left, score, np.zeros((9, 9, 3), np.uint8)
    )


def test_several_faces_are_listed_with_how_to_choose() -> None:
    with pytest.raises(UsageError) as caught:
        choose_face([face(0), face(100, score=0.5), face(200.4)], (300, 300), "only", "a.jpg")
    assert str(caught.value) == (
        "a.jpg: one face is expected and there are 2 faces, numbered with their boxes left, top, right, bottom: "
        '1 (0, 10, 50, 60), 3 (200, 10, 250, 60); choose with face="largest", "central" or a number'
    )
    with pytest.raises(UsageError, match=r"there are 14 faces, .* 10 \(.*\) and 4 more; choose"):
        choose_face([face(number * 60.0) for number in range(14)], (300, 900), "only", "crowd.jpg")


def test_a_weak_face_beside_a_sure_one_is_not_meant() -> None:
    sure, weak = face(0), face(100, 90.0, score=0.5)
    assert choose_face([sure, weak], (300, 300), "only", "a.jpg") is sure
    assert choose_face([sure, weak], (300, 300), "largest", "a.jpg") is weak
    assert choose_face([weak], (300, 300), "only", "a.jpg") is weak
    with pytest.raises(UsageError, match="there are 2 faces"):
        choose_face([weak, replace(weak, box=(0.0, 1.0, 2.0, 3.0))], (300, 300), "only", "a.jpg")


@pytest.mark.parametrize("which", [0, 3, -1])
def test_a_number_that_no_face_has_is_said(which: int) -> None:
    with pytest.raises(UsageError, match=rf"^a.jpg: face {which} was asked for; it has 2 faces, numbered "):
        choose_face([face(0), face(100)], (300, 300), which, "a.jpg")


@pytest.mark.parametrize(
    ("which", "hint"), [("largst", "did you mean largest"), (True, "expected only"), (None, "exp")]
)
def test_another_word_is_refused_whatever_is_found(which: Any, hint: str) -> None:
    for faces in ([], [face(0)]):
        with pytest.raises(UsageError, match=rf"^face={which!r}: {hint}"):
            choose_face(faces, (300, 300), which, "a.jpg")


def test_a_photo_without_a_face_is_said() -> None:
    (faces,) = find_in([BLANK], ARCFACE, dark_probe())
    for which in ("only", "largest", 1):
        with pytest.raises(UsageError, match=r"^blank: no face was found; use a photo where the face is upright"):
            choose_face(faces, (90, 130), which, "blank")  # type: ignore[arg-type]


def test_a_face_is_short_to_read_and_a_picture_in_a_notebook(album: Any) -> None:
    ((found,),) = find_in([album[0][0]], ARCFACE, dark_probe())
    text = repr(found)
    assert text.startswith("Face(")
    assert f"score {found.score:.2f}" in text
    assert len(text) < 300
    assert "array" not in text
    assert repr(face(3)) == "Face(50 x 50 at (3, 10), score 0.99, mask unknown)"
    assert repr(replace(face(3), masked=True, mask_probability=0.9, score=None, notes=("tiny: 9",))) == (
        "Face(50 x 50 at (3, 10), masked (0.90), tiny: 9)"
    )
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(found._repr_png_()))), found.image)


UPRIGHT = arcface_template(112) * 2 + 100
BOX = np.array([120.0, 120.0, 280.0, 320.0])
SHARP = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)


def kinds(landmarks: Any = UPRIGHT, box: Any = BOX, score: float = 0.99, shape: Any = (500, 500), canvas: Any = SHARP,
          alignment: Any = "arcface") -> list[str]:  # fmt: skip
    """What the notes are about."""
    return [note.partition(":")[0] for note in notes_on(landmarks, box, score, shape, canvas, alignment)]


def test_an_upright_sharp_whole_face_has_no_notes() -> None:
    assert kinds() == []


def test_notes_say_what_was_measured() -> None:
    small = UPRIGHT * 0.2
    assert kinds(small) == ["tiny"]
    assert kinds(UPRIGHT * 0.3) == []
    smooth = cv2.GaussianBlur(SHARP, (0, 0), 6)
    assert kinds(canvas=smooth) == ["blurred"]
    assert kinds(small, canvas=smooth) == ["tiny"]
    assert kinds(score=0.8) == ["unsure"]
    profile = UPRIGHT.copy()
    profile[2, 0] = profile[1, 0] - 5
    assert kinds(profile) == ["turned"]
    profile[2, 0] = profile[0, 0] - 5
    assert kinds(profile) == ["turned"]
    assert kinds(UPRIGHT[:, ::-1] * [1, -1] + [0, 400]) == ["sideways"]
    assert kinds(500 - UPRIGHT) == ["sideways"]


def test_a_face_at_the_edge_is_cut_off_by_what_the_network_misses() -> None:
    assert kinds(shape=(500, 310)) == []
    assert kinds(shape=(500, 250)) == ["cut off"]
    assert kinds(UPRIGHT - [150, 0]) == ["cut off"]
    assert kinds(box=BOX, shape=(500, 270), alignment="box") == []
    assert kinds(box=BOX, shape=(500, 240), alignment="box") == ["cut off"]
    assert kinds(box=BOX - [0, 150, 0, 150], alignment="box") == ["cut off"]


def test_the_share_outside_is_that_of_the_canvas() -> None:
    """The black share of a white photo on the canvas."""
    for move in ([0, 0], [-140, 0], [0, 60], [-130, -170], [900, 900]):
        landmarks = (UPRIGHT - 150) @ np.array([[0.9, 0.3], [-0.3, 0.9]]) + 150 + move
        image, _ = pixels_on_canvas(np.full((330, 300, 3), 255, np.uint8), landmarks, 112, "arcface")
        assert share_outside(landmarks, BOX, (330, 300), "arcface") == pytest.approx((image < 128).mean(), abs=0.015)


def test_angles_and_places() -> None:
    assert roll_angle(UPRIGHT) == pytest.approx(0, abs=1)
    assert roll_angle(-UPRIGHT) == pytest.approx(180, abs=1)
    assert nose_place(UPRIGHT) == pytest.approx(0.5, abs=0.01)
    assert nose_place(np.array([[0.0, 0.0], [4.0, 4.0], [0.0, 2.0], [0.0, 5.0], [4.0, 9.0]])) == pytest.approx(0.25)
    assert sharpness(SHARP) == pytest.approx(sharpness(SHARP.repeat(3, 0).repeat(3, 1)))
    assert sharpness(np.zeros((60, 60, 3), np.uint8)) == 0


def test_drawn_faces_cut_off_tiny_and_sideways(album: Any) -> None:
    photo, points = album[0]
    middle = int(points[:, 0].mean())
    half = NamedPhoto(np.ascontiguousarray(photo.pixels[:, middle - 8 :]), "half")
    little = np.full((200, 200, 3), 127, np.uint8)
    little[50:100, 50:100] = cv2.resize(photo.pixels, (50, 50), interpolation=cv2.INTER_AREA)
    turned = NamedPhoto(np.ascontiguousarray(np.rot90(photo.pixels)), "turned")
    found = find_in([half, NamedPhoto(little, "little"), turned], ARCFACE, None)
    assert all(any(note.startswith("cut off") for note in face.notes) for face in found[0])
    assert [note.partition(":")[0] for face in found[1] for note in face.notes if "unsure" not in note][:1] == ["tiny"]
    for face in found[2]:  # the detector was not trained on such faces; one that it finds is said to be sideways
        assert any(note.startswith(("sideways", "unsure", "turned")) for note in face.notes)


TORCH_FREE = """
import sys
import numpy as np
from maskrec.contracts.input_spec import InputSpec
from maskrec.images.canvas import pixels_on_canvas
from maskrec.inference.photos.face_finding import aligned_face, choose_face, find_in
from maskrec.inference.photos.mask_probe import MaskProbe
from maskrec.inference.photos.photo_input import photos_of
(photo,) = photos_of(np.zeros((140, 120, 3), np.uint8)).read()
face = aligned_face(photo, InputSpec(112, alignment="arcface"), MaskProbe(np.zeros(588), 0.0))
(faces,) = find_in([photo], InputSpec(112), None)
choose_face(faces, (140, 120), "only", "")
print(sorted({"torch", "sklearn", "pandas", "timm", "facenet_pytorch", "maskrec.training"} & set(sys.modules)))
"""


def test_aligned_faces_need_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", TORCH_FREE], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.fixture(scope="module")
def people(shared_faces: Path) -> list[NamedPhoto]:
    folders = sorted((shared_faces / "lfw").iterdir())[::400]
    return [read_photo(min(folder.iterdir())) for folder in folders]


def meant(photos: list[NamedPhoto]) -> list[Face]:
    found = find_in(photos, ARCFACE, None)
    return [choose_face(faces, photo.pixels.shape[:2], "central", photo.name)
            for photo, faces in zip(photos, found, strict=True)]  # fmt: skip


def test_a_sideways_photo_is_refused_or_noted(people: list[NamedPhoto]) -> None:
    """Turned by 90 degrees, and no EXIF says so: whatever is found then has a note, mostly that it is doubtful."""
    sideways = [NamedPhoto(np.ascontiguousarray(np.rot90(each.pixels)), each.name) for each in people[:8]]
    notes = []
    for photo, faces in zip(sideways, find_in(sideways, ARCFACE, None), strict=True):
        if faces:
            notes.append(choose_face(faces, photo.pixels.shape[:2], "central", photo.name).notes)
        else:
            with pytest.raises(UsageError, match="no face was found; use a photo where the face is upright"):
                choose_face(faces, photo.pixels.shape[:2], "central", photo.name)
    assert all(notes)
    doubtful = [any(note.startswith(("sideways", "unsure")) for note in each) for each in notes]
    assert np.mean([*doubtful, True]) >= 0.75


def test_press_photos_have_few_notes_and_spoiled_ones_have_theirs(people: list[NamedPhoto]) -> None:
    assert sum(bool(face.notes) for face in meant(people)) <= 0.2 * len(people)

    def noted(spoil: Any, name: str) -> float:
        spoiled = [NamedPhoto(np.ascontiguousarray(spoil(photo.pixels)), photo.name) for photo in people]
        found = [face for faces in find_in(spoiled, ARCFACE, None) for face in faces]
        assert len(found) >= len(people) / 2
        return float(np.mean([any(note.startswith(name) for note in face.notes) for face in found]))

    assert noted(lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 4), "blurred") > 0.9
    assert noted(lambda pixels: cv2.resize(pixels, (90, 90), interpolation=cv2.INTER_AREA), "tiny") > 0.9
    assert noted(lambda pixels: pixels[:, 125:], "cut off") > 0.9
