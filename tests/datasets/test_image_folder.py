"""A folder per person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import Alignment, InputSpec
from maskrec.datasets.image_folder import ImageFolder
from maskrec.images.face_columns import LANDMARK_COLUMNS

CONTEXT = Context(input_spec=InputSpec(8, alignment="arcface"))


def _photo(path: Path, value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (120, 112), (value, 0, 0)).save(path)


def _complaint(path: Path, **keywords: object) -> str:
    with pytest.raises(UsageError) as caught:
        ImageFolder(path, CONTEXT, 8, **keywords)  # type: ignore[arg-type]
    return str(caught.value)


def test_sorted_names_are_the_labels(tmp_path: Path) -> None:
    for name, value in [("Zoë/2.png", 30), ("Zoë/10.PNG", 20), ("Ann/x.jpeg", 10), ("写真/a.webp", 40)]:
        _photo(tmp_path / name, value)
    (tmp_path / "README.txt").write_text("hello")
    (tmp_path / "Ann" / ".DS_Store").touch()
    (tmp_path / "Ann" / "Thumbs.db").touch()
    (tmp_path / ".git").mkdir()
    data = ImageFolder(tmp_path, CONTEXT, 8)
    assert data.identities == ["Ann", "Zoë", "写真"]
    assert list(data.labels) == [0, 1, 1, 2]
    assert (data.num_classes, data.has_landmarks, len(data)) == (3, False, 4)
    assert [Path(data[i].path).name for i in range(4)] == ["x.jpeg", "10.PNG", "2.png", "a.webp"]
    assert data[1].image[0, 0, 0] == 20


def test_people_with_few_photos_are_left_out_when_asked(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "b/2.png", "c/1.png", "c/2.png", "c/3.png"):
        _photo(tmp_path / name)
    data = ImageFolder(tmp_path, CONTEXT, 8, minimum_images=2)
    assert data.identities == ["b", "c"]
    assert list(data.labels) == [0, 0, 1, 1, 1]
    assert "no folder with 4 or more photos" in _complaint(tmp_path, minimum_images=4)
    with pytest.raises(ValueError, match="at least 1"):
        ImageFolder(tmp_path, CONTEXT, 8, minimum_images=0)


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    _photo(tmp_path / "a/1.png")
    _photo(tmp_path / "lost.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "a/notes.txt").touch()
    (tmp_path / "a/sub").mkdir()
    (tmp_path / "a/empty.jpg").touch()
    (tmp_path / "a/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    message = _complaint(tmp_path)
    for name, words in [
        ("lost.png", "has no identity"),
        ("b", "no photos"),
        ("notes.txt", "not a photo"),
        ("sub", "a folder within"),
        ("empty.jpg", "0 bytes"),
        ("gone.jpg", "no such file"),
    ]:
        assert any(f"/{name}: " in line and words in line for line in message.split("\n")), (name, message)


def test_nothing_and_no_folder(tmp_path: Path) -> None:
    assert "one folder per person" in _complaint(tmp_path)
    assert "cannot be read as a folder" in _complaint(tmp_path / "absent")
    (tmp_path / "file").touch()
    assert "cannot be read as a folder" in _complaint(tmp_path / "file")


def test_a_link_to_itself_is_one_of_the_problems(tmp_path: Path) -> None:
    _photo(tmp_path / "a/1.png")
    (tmp_path / "a/loop.png").symlink_to("loop.png")
    assert "loop.png: cannot be read" in _complaint(tmp_path)


def test_landmarks_file(tmp_path: Path) -> None:
    _photo(tmp_path / "a/1.png")
    header = ",".join(f"{p}_{q}" for p in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for q in "xy")
    points = "38.3,51.7,73.5,51.5,56.0,71.7,41.5,92.4,70.7,92.2"
    (tmp_path / "points.csv").write_text(f"path,{header}\na/1.png,{points}\n")
    data = ImageFolder(tmp_path, CONTEXT, 8, landmarks=tmp_path / "points.csv")
    assert data.has_landmarks
    assert data[0].landmarks is not None
    (tmp_path / "faces.csv").write_text(f"path,target,identity,{header},masked\na/1.png,7,Ann,{points},0\n")
    again = ImageFolder(tmp_path, CONTEXT, 8, landmarks=tmp_path / "faces.csv")
    assert np.array_equal(again[0].landmarks, data[0].landmarks)
    _photo(tmp_path / "a/2.png")
    assert "2.png: no landmarks" in _complaint(tmp_path, landmarks=tmp_path / "points.csv")


def test_landmarks_of_a_folder_behind_a_link(tmp_path: Path) -> None:
    _photo(tmp_path / "far" / "a" / "1.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photos").symlink_to(tmp_path / "far")
    (tmp_path / "data" / "points.csv").write_text(f"{HEADER}\nphotos/a/1.png,{ALIGNED}\n")
    assert ImageFolder(
        tmp_path / "data" / "photos", CONTEXT, 8, landmarks=tmp_path / "data" / "points.csv"
    ).has_landmarks


HEADER = "path," + ",".join(LANDMARK_COLUMNS)
ALIGNED = "38.29,51.70,73.53,51.50,56.03,71.74,41.55,92.37,70.73,92.20"


def test_a_row_belongs_to_the_file_that_it_names(tmp_path: Path) -> None:
    """Rows of `faces.csv` are those of the aligned faces beside it, whatever the photos are called."""
    _photo(tmp_path / "photos" / "a" / "1.png")
    _photo(tmp_path / "faces" / "a" / "1.png")
    (tmp_path / "faces" / "faces.csv").write_text(f"{HEADER}\na/1.png,{ALIGNED}\n")
    message = _complaint(tmp_path / "photos", landmarks=tmp_path / "faces" / "faces.csv")
    assert "faces.csv: its rows belong to the files beside it, such as " in message
    assert f"not to the 1 photos of these names below {tmp_path}/photos" in message
    assert ImageFolder(tmp_path / "faces", CONTEXT, 8, landmarks=tmp_path / "faces" / "faces.csv").has_landmarks
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a").symlink_to(tmp_path / "faces" / "a")
    assert ImageFolder(tmp_path / "links", CONTEXT, 8, landmarks=tmp_path / "faces" / "faces.csv").has_landmarks


@pytest.mark.parametrize("alignment", ["arcface", "box", "none"])
@pytest.mark.parametrize("size", [40, 250])
def test_landmarks_of_an_aligned_face_are_not_those_of_a_whole_photo(
    tmp_path: Path, alignment: Alignment, size: int
) -> None:
    """Also where the aligned faces themselves were deleted."""
    (tmp_path / "photos" / "a").mkdir(parents=True)
    Image.new("RGB", (size, size)).save(tmp_path / "photos" / "a" / "1.png")
    (tmp_path / "faces.csv").write_text(f"{HEADER}\na/1.png,{ALIGNED}\n")
    for canvas in (112, size):
        context = Context(input_spec=InputSpec(canvas, alignment=alignment))
        data = ImageFolder(tmp_path / "photos", context, canvas, landmarks=tmp_path / "faces.csv")
        said = f"a face aligned to 112 x 112 pixels, but the photo has {size} x {size}"
        with pytest.raises(UsageError, match=rf"1\.png: the landmarks are those of {said}"):
            data[0]
        with pytest.raises(UsageError, match=said):
            data.read_into([0], np.zeros((1, canvas, canvas, 3), np.uint8))


@pytest.mark.parametrize("alignment", ["arcface", "box", "none"])
def test_landmarks_far_outside_of_the_photo_are_not_its(tmp_path: Path, alignment: Alignment) -> None:
    _photo(tmp_path / "photos" / "a" / "1.png")
    context = Context(input_spec=InputSpec(112, alignment=alignment))
    for shift, fits in ((20, True), (90, False)):
        points = ",".join(str(float(value) + shift) for value in ALIGNED.split(","))
        (tmp_path / "points.csv").write_text(f"{HEADER}\na/1.png,{points}\n")
        data = ImageFolder(tmp_path / "photos", context, 112, landmarks=tmp_path / "points.csv")
        if fits:
            assert data[0].landmarks is not None
            continue
        with pytest.raises(UsageError, match=r"is outside of the photo of 120 x 112"):
            data[0]


def test_one_folder_around_everything_is_said(tmp_path: Path) -> None:
    for name in ("set/Ann/1.png", "set/Bo/1.png"):
        _photo(tmp_path / name)
    assert f"{tmp_path}/set: one folder around everything, but a folder is a person" in _complaint(tmp_path)
    assert ImageFolder(tmp_path / "set", CONTEXT, 8).num_classes == 2


def test_real_faces(shared_faces: Path) -> None:
    data = ImageFolder(
        shared_faces / "lfw", CONTEXT, 8, minimum_images=20, landmarks=shared_faces / "lfw_landmarks.csv"
    )
    assert data.num_classes == 62  # people with 20 or more photos, as scikit-learn's documentation counts them
    assert data[len(data) - 1].label == 61


def test_a_folder_called_masked_says_which_photos_wear_a_mask(tmp_path: Path) -> None:
    for name in ("Ann/1.png", "Ann/masked/2.png", "Bo/Masked/3.png", "masked/Cy/4.png", "bare/Cy/5.png"):
        _photo(tmp_path / "masked" / name)  # the folder's own name says nothing
    data = ImageFolder(tmp_path / "masked", CONTEXT, 8)
    assert data.identities == ["Ann", "Bo", "Cy"]
    worn = {Path(data[index].path).name: data[index].masked for index in range(len(data))}
    assert worn == {"1.png": False, "2.png": True, "3.png": True, "4.png": True, "5.png": False}
    assert list(data.labels) == [0, 0, 1, 2, 2]
    columns = data.read_into([0, 1], np.zeros((2, 8, 8, 3), np.uint8))
    assert np.asarray(columns.masked).tolist() == [data[0].masked, data[1].masked]
    (tmp_path / "masked" / "Ann" / "more").mkdir()
    assert "a folder within a person's folder" in _complaint(tmp_path / "masked")
