"""pairs.txt: its pairs, its folds, its masks, and its mistakes."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.faces.masks import REFERENCE_TYPES
from maskrec.pairs.lfw_pairs import lfw_pairs

CONTEXT = Context(input_spec=InputSpec(16, alignment="arcface"), path="evaluate.lfw")
HEADER = ",".join(f"{p}_{q}" for p in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for q in "xy")
POINTS = "38.3,51.7,73.5,51.5,56.0,71.7,41.5,92.4,70.7,92.2"
TEXT = "2\t2\nAnn\t1\t2\nBob\t1\t2\nAnn\t1\tBob\t1\nAnn\t2\tCy\t1\nAnn\t2\t3\nAnn\t3\t1\nBob\t1\tCy\t1\nCy\t1\tAnn\t3\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    names = [("Ann", 1), ("Ann", 2), ("Ann", 3), ("Bob", 1), ("Bob", 2), ("Cy", 1)]
    rows = [f"path,{HEADER}"]
    for value, (name, number) in enumerate(names):
        path = tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (value * 40, 0, 0)).save(path)
        rows.append(f"lfw/{name}/{path.name},{POINTS}")
    (tmp_path / "points.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def _open(folder: Path, text: str | bytes = TEXT, **keywords: object) -> PairSet:
    (folder / "pairs.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return lfw_pairs(folder / "pairs.txt", folder / "lfw", CONTEXT, 16, 5, **keywords)  # type: ignore[arg-type]


def _names(pairs: PairSet) -> list[tuple[str, str]]:
    stems = [Path(pairs.images[i].path).stem for i in range(len(pairs.images))]
    return [(stems[left], stems[right]) for left, right in zip(pairs.left, pairs.right, strict=True)]


def test_pairs_folds_and_people(people: Path) -> None:
    pairs = _open(people)
    assert _names(pairs) == [
        ("Ann_0001", "Ann_0002"),
        ("Bob_0001", "Bob_0002"),
        ("Ann_0001", "Bob_0001"),
        ("Ann_0002", "Cy_0001"),
        ("Ann_0002", "Ann_0003"),
        ("Ann_0003", "Ann_0001"),
        ("Bob_0001", "Cy_0001"),
        ("Cy_0001", "Ann_0003"),
    ]
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4
    assert (pairs.left.dtype, pairs.same.dtype, pairs.condition.dtype) == (np.int64, np.bool_, np.int8)
    assert len(pairs.images) == 6
    assert list(pairs.mask_types) == [None] * 6
    assert pairs.identities is not None
    assert [Path(pairs.images[i].path).parent.name for i in range(6)] == list(pairs.identities)
    assert (pairs.label, pairs.has_landmarks) == ("evaluate.lfw", False)
    assert pairs.images[0].label == -1


def test_one_number_in_the_first_line_is_one_fold(people: Path) -> None:
    pairs = _open(people, "1\r\nAnn 1 2\r\nAnn 1 Bob 1\r\n")
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [0, 0]


def test_all_conditions_in_one_set(people: Path) -> None:
    pairs = _open(people, landmarks=people / "points.csv", masks=["none", "one", "both"])
    assert len(pairs) == 24
    assert pairs.has_landmarks
    bare = _open(people)
    for number, condition in enumerate(CONDITIONS):
        rows = slice(8 * number, 8 * number + 8)
        assert (pairs.condition[rows] == CONDITIONS.index(condition)).all()
        assert _names(pairs)[rows] == _names(bare)
        assert (pairs.same[rows] == bare.same).all()
        assert pairs.fold is not None
        assert bare.fold is not None
        assert (pairs.fold[rows] == bare.fold).all()
        for left, right in zip(pairs.left[rows], pairs.right[rows], strict=True):
            worn = (pairs.mask_types[left] is not None, pairs.mask_types[right] is not None)
            assert worn == {"bare": (False, False), "one_masked": (False, True), "both_masked": (True, True)}[condition]
    # Six photos, bare and masked once each; no image occurs twice.
    assert len(pairs.images) == 12
    copies = Counter((pairs.images[i].path, pairs.mask_types[i] is not None) for i in range(12))
    assert set(copies.values()) == {1}


def test_mask_types_follow_the_seed_and_the_weights(people: Path) -> None:
    def types(seed: int, chosen: object = None) -> list[str | None]:
        keywords = {"landmarks": people / "points.csv", "masks": "both", "types": chosen}
        return list(lfw_pairs(people / "pairs.txt", people / "lfw", CONTEXT, 16, seed, **keywords).mask_types)  # type: ignore[arg-type]

    _open(people)
    assert types(1) == types(1)
    assert len({tuple(types(seed)) for seed in range(8)}) > 4
    assert {name for seed in range(20) for name in types(seed)} == set(REFERENCE_TYPES)
    assert set(types(1, ["kn95"])) == {"kn95"}
    assert {name for seed in range(9) for name in types(seed, {"n95": 1, "kn95": 0, "cloth_black": 1})} == {
        "n95",
        "cloth_black",
    }


def test_landmarks_move_to_the_canvas_and_everything_pickles(people: Path) -> None:
    pairs = _open(people, landmarks=people / "points.csv")
    sample = pickle.loads(pickle.dumps(pairs.images))[0]
    assert sample.image.shape == (3, 16, 16)
    assert sample.landmarks is not None
    template = (np.array(POINTS.split(","), dtype=float).reshape(5, 2) + 0.5) * 16 / 112 - 0.5
    assert np.abs(sample.landmarks.numpy() - template).max() < 0.05


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Ann\t1\t2\n", 1, "first line"),
        ("ten\t300\n", 1, "first line"),
        ("0\t5\n", 1, "first line"),
        (TEXT.replace("Ann\t1\t2\n", "Ann\t1\n", 1), 2, "'Name i j'"),
        (TEXT.replace("Ann\t1\t2\n", "Ann\t1\tx\n", 1), 2, "numbered from 1"),
        (TEXT.replace("Ann\t1\t2\n", "Ann\t0\t2\n", 1), 2, "numbered from 1"),
        (TEXT.replace("Ann\t1\t2\n", "Ann\t1\t1\n", 1), 2, "one photo on both sides"),
        (TEXT.replace("Ann\t1\tBob\t1\n", "Ann\t1\tAnn\t2\n", 1), 4, "names Ann twice"),
        (TEXT.replace("Ann\t1\tBob\t1\n", "Ann\t1\t2\n", 1), 4, "'Name i Other j'"),
        (TEXT.replace("Ann\t1\tBob\t1\n", "\nAnn\t1\n", 1), 5, "'Name i Other j'"),
        (TEXT.replace("Ann\t1\tBob\t1\n", "Cy\t1\tAnn\t2\n", 1), 5, "the same pair as in"),
        (TEXT.replace("Ann\t2\t3\n", "Ann\t2\t1\n", 1), 6, "the same pair as in"),
        (TEXT.replace("Ann\t2\t3\n", "Ann\t1\t2\n", 1), 6, "the same pair as in"),
        (TEXT.replace("Ann\t1\tBob\t1\n", "Ann\t1\tANN\t2\n", 1), 4, "one name in two spellings"),
        (TEXT.replace("Ann\t1\tBob\t1\n", "Ann\t1\tDee\t1\n", 1), 4, "Dee_0001.jpg: no such file"),
    ],
)
def test_wrong_lines_are_named(people: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        _open(people, text)
    assert any(f"pairs.txt:{line}: " in part and words in part for part in str(caught.value).split("\n"))


def test_blank_lines_shift_nothing(people: Path) -> None:
    wanted = _open(people)
    found = _open(people, "\n" + TEXT.replace("\nBob", "\n \n\nBob", 1) + "\n\n")
    assert _names(found) == _names(wanted)
    assert found.same.tolist() == wanted.same.tolist()
    assert found.fold is not None
    assert wanted.fold is not None
    assert found.fold.tolist() == wanted.fold.tolist()


@pytest.mark.parametrize("ending", [".png", ".JPG", ".jpeg", ".webp", ".Tiff"])
def test_photos_of_every_ending_are_found(people: Path, ending: str) -> None:
    photo = people / "lfw" / "Cy" / "Cy_0001.jpg"
    photo.rename(photo.with_suffix(ending))
    assert photo.with_suffix(ending).name in {Path(image.path).name for image in _open(people).images}
    photo.write_bytes(b"x")
    with pytest.raises(UsageError, match=r"photo 1 of Cy has two files: .*Cy_0001"):
        _open(people)


def test_names_with_spaces_between_tabs(people: Path) -> None:
    (people / "lfw" / "Bob").rename(people / "lfw" / "Bob B.")
    for photo in (people / "lfw" / "Bob B.").iterdir():
        photo.rename(photo.with_name(photo.name.replace("Bob", "Bob B.")))
    pairs = _open(people, TEXT.replace("Bob", "Bob B."))
    assert _names(pairs)[1] == ("Bob B._0001", "Bob B._0002")
    assert pairs.identities is not None
    assert "Bob B." in pairs.identities


def test_a_file_cut_short_or_of_something_else(people: Path) -> None:
    with pytest.raises(UsageError, match="6 pairs, but 2 x 2 x 2"):
        _open(people, "\n".join(TEXT.split("\n")[:7]))
    with pytest.raises(UsageError, match="UTF-8"):
        _open(people, b"\xff\xd8\xff\xe0")
    with pytest.raises(UsageError, match="cannot be read"):
        lfw_pairs(people / "absent.txt", people / "lfw", CONTEXT, 16, 5)


def test_missing_photos_are_all_listed_once(people: Path) -> None:
    for photo in ("Ann/Ann_0001.jpg", "Cy/Cy_0001.jpg"):
        (people / "lfw" / photo).unlink()
    with pytest.raises(UsageError) as caught:
        _open(people)
    assert str(caught.value).count("Ann_0001.jpg: no such file") == 1
    assert str(caught.value).count("Cy_0001.jpg: no such file") == 1


def test_photos_without_landmarks_are_listed(people: Path) -> None:
    lines = (people / "points.csv").read_text().split("\n")
    (people / "points.csv").write_text("\n".join(lines[:-2]) + "\n")
    with pytest.raises(UsageError, match=r"Cy_0001\.jpg: no landmarks"):
        _open(people, landmarks=people / "points.csv")


def test_landmarks_are_found_whatever_is_behind_a_link(people: Path) -> None:
    """The folder of photos, a person's folder, a photo, the CSV, or the folder around both."""
    (people / "data").mkdir()
    (people / "data" / "lfw").symlink_to(people / "lfw")
    (people / "data" / "points.csv").write_bytes((people / "points.csv").read_bytes())
    (people / "linked").mkdir()
    (people / "linked" / "lfw").mkdir()
    for name in ("Ann", "Cy"):
        (people / "linked" / "lfw" / name).symlink_to(people / "lfw" / name)
    (people / "linked" / "lfw" / "Bob").mkdir()
    for name in ("Bob_0001.jpg", "Bob_0002.jpg"):
        (people / "linked" / "lfw" / "Bob" / name).symlink_to(people / "lfw" / "Bob" / name)
    (people / "linked" / "points.csv").symlink_to(people / "points.csv")
    (people / "around").symlink_to(people / "data")
    expected = _open(people, landmarks=people / "points.csv").images[0].landmarks
    assert expected is not None
    for folder in ("data", "linked", "around"):
        for points in (people, people / folder):
            pairs = _open(people / folder, landmarks=points / "points.csv")
            assert pairs.has_landmarks
            assert np.array_equal(pairs.images[0].landmarks, expected)


def test_a_file_of_other_photos_is_one_problem(people: Path) -> None:
    lines = (people / "points.csv").read_text().replace("lfw/", "other/")
    (people / "points.csv").write_text(lines)
    with pytest.raises(UsageError) as caught:
        _open(people, landmarks=people / "points.csv")
    assert "\n" not in str(caught.value)
    assert f"{people}/points.csv: it has no landmarks for 6 of 6 photos, such as {people}/lfw/Ann/" in str(caught.value)
    assert f"its first path names {people}/other/Ann/Ann_0001.jpg; check its paths" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"masks": "one"}, "no"),
        ({"masks": ["none", "both"]}, "none"),
        ({"masks": []}, "masks must be"),
        ({"masks": ["none", "none"]}, "repeats"),
        ({"types": ["n96"]}, "did you mean n95"),
    ],
)
def test_parameters_that_do_not_go_together(people: Path, values: dict[str, object], words: str) -> None:
    problems = list(lfw_pairs.check({"masks": "none", "types": None, "landmarks": None} | values, CheckContext()))  # type: ignore[attr-defined]
    assert words in problems[0].message
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        _open(people, **values)
    assert str(caught.value) == problems[0].message


@settings(max_examples=80, deadline=None)
@given(body=st.text("AnBob12\t \n\r-0é\0/.", max_size=60), header=st.sampled_from(["1\t1\n", "1\n", "", "2 2\n"]))
def test_any_text_gives_pairs_or_one_error(tmp_path_factory: pytest.TempPathFactory, body: str, header: str) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    for name, number in [("A", 1), ("A", 2), ("B", 1)]:
        path = folder / "lfw" / name / f"{name}_{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    try:
        pairs = _open(folder, header + body)
    except UsageError as error:
        message = str(error)
    else:
        message = "pairs.txt"
        assert len(pairs) > 0
    assert "pairs.txt" in message


def test_the_real_pairs(shared_faces: Path) -> None:
    pairs = lfw_pairs(
        shared_faces / "lfw_pairs.txt",
        shared_faces / "lfw",
        CONTEXT,
        112,
        5,
        landmarks=shared_faces / "lfw_landmarks.csv",
        masks=["none", "one", "both"],
    )
    assert len(pairs) == 18_000
    assert np.bincount(pairs.condition).tolist() == [6000] * 3
    assert pairs.fold is not None
    assert np.bincount(pairs.fold).tolist() == [1800] * 10
    assert int(pairs.same.sum()) == 9000
    assert len(pairs.images) == 2 * 7701
    assert pairs.identities is not None
    assert ((np.array(pairs.identities)[pairs.left] == np.array(pairs.identities)[pairs.right]) == pairs.same).all()
    assert min(Counter(name for name in pairs.mask_types if name).values()) > 1400
