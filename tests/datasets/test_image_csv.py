"""A training set in a CSV: read in the reference's layout, and all its problems are reported at once."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import Alignment, InputSpec
from maskrec.datasets.image_csv import ImageCsv

POINTS = [38.3, 51.7, 73.5, 51.5, 56.0, 71.7, 41.5, 92.4, 70.7, 92.2]
LANDMARKS = [
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
]


def _context(alignment: Alignment = "none") -> Context:
    return Context(input_spec=InputSpec(32, alignment=alignment))


def _photo(path: Path, value: int = 100, size: tuple[int, int] = (120, 112)) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 255 - value)).save(path)
    return path.name


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def _complaint(*arguments: object, **keywords: object) -> str:
    with pytest.raises(UsageError) as caught:
        ImageCsv(*arguments, **keywords)  # type: ignore[arg-type]
    return str(caught.value)


def test_the_reference_columns(tmp_path: Path) -> None:
    names = [_photo(tmp_path / "photos" / f"{i}.png", 50 * i) for i in range(4)]
    file = _write(
        tmp_path / "train.csv",
        ["path", "target"],
        [[f"photos/{n}", t] for n, t in zip(names, [1, 0, 2, 1], strict=True)],
    )
    data = ImageCsv(file, _context(), 32)
    assert (len(data), list(data.labels), data.num_classes) == (4, [1, 0, 2, 1], 3)
    assert data.has_landmarks is False
    assert data.identities is None
    sample = data[3]
    assert sample.image.shape == (3, 32, 32)
    assert sample.image.dtype == torch.uint8
    assert sample.image[:, 5, 5].tolist() == [150, 0, 105]
    assert (sample.label, sample.landmarks, sample.masked) == (1, None, False)
    assert sample.path == str(tmp_path / "photos" / "3.png")


def test_a_root_and_absolute_paths(tmp_path: Path) -> None:
    _photo(tmp_path / "elsewhere" / "a.png")
    _photo(tmp_path / "b.png")
    file = _write(tmp_path / "train.csv", ["path", "target"], [["a.png", 0], [tmp_path / "b.png", 1]])
    assert len(ImageCsv(file, _context(), 8, root=tmp_path / "elsewhere")) == 2


def test_links_are_followed_before_dots(tmp_path: Path) -> None:
    """``link/..`` is the folder above what the link points to, as for every other program."""
    _photo(tmp_path / "far" / "away" / "a.png")
    _photo(tmp_path / "far" / "b.png")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    file = _write(tmp_path / "t.csv", ["path", "target"], [["b.png", 0]])
    assert len(ImageCsv(file, _context(), 8, root=tmp_path / "link" / "..")) == 1
    points = _write(tmp_path / "far" / "points.csv", ["path", *LANDMARKS], [["b.png", *POINTS]])
    assert ImageCsv(file, _context(), 8, tmp_path / "link" / "..", points).has_landmarks


def test_names_with_commas_quotes_line_breaks_and_any_script(tmp_path: Path) -> None:
    names = ['a,b "c".png', "line\nbreak.png", "写真 é🙂.png", " spaces .png"]
    for name in names:
        _photo(tmp_path / name)
    data = ImageCsv(
        _write(tmp_path / "t.csv", ["path", "target"], [[n, i] for i, n in enumerate(names)]), _context(), 8
    )
    assert [Path(data[i].path).name for i in range(4)] == names


def test_masked_and_identity_columns(tmp_path: Path) -> None:
    rows = [[_photo(tmp_path / f"{i}.png"), i // 2, "yes" if i else "0", f"Person {i // 2}", "cam"] for i in range(4)]
    data = ImageCsv(_write(tmp_path / "t.csv", ["path", "target", "masked", "identity", "source"], rows), _context(), 8)
    assert [data[i].masked for i in range(4)] == [False, True, True, True]
    assert data.identities == ["Person 0", "Person 1"]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("alignment", ["arcface", "box", "none"])
def test_landmarks_as_columns_and_as_a_file(tmp_path: Path, alignment: Alignment, beside: bool) -> None:
    names = [_photo(tmp_path / f"{i}.png") for i in range(2)]
    moved = [value + 3 for value in POINTS]
    if beside:
        train = _write(tmp_path / "train.csv", ["path", "target"], [[names[0], 0], [names[1], 1]])
        file = _write(
            tmp_path / "points.csv", ["path", "score", *LANDMARKS], [[names[1], 1, *moved], [names[0], 1, *POINTS]]
        )
        data = ImageCsv(train, _context(alignment), 112, landmarks=file)
    else:
        rows = [[names[0], 0, *POINTS], [names[1], 1, *moved]]
        data = ImageCsv(_write(tmp_path / "train.csv", ["path", "target", *LANDMARKS], rows), _context(alignment), 112)
    assert data.has_landmarks
    first, second = data[0].landmarks, data[1].landmarks
    assert first is not None
    assert second is not None
    if alignment == "arcface":
        assert np.abs(first.numpy() - np.array(POINTS).reshape(5, 2)).max() < 0.2
        assert np.abs(first.numpy() - second.numpy()).max() < 0.2
    elif alignment == "none":  # 120 x 112 pixels: the middle square starts 4 pixels from the left
        assert np.abs(first.numpy() - (np.array(POINTS).reshape(5, 2) - [4, 0])).max() < 1e-4


def test_landmarks_files_may_be_relative_to_the_root(tmp_path: Path) -> None:
    name = _photo(tmp_path / "data" / "a.png")
    train = _write(tmp_path / "train.csv", ["path", "target"], [[name, 0]])
    (tmp_path / "other").mkdir()
    file = _write(tmp_path / "other" / "points.csv", ["path", *LANDMARKS], [[name, *POINTS]])
    assert ImageCsv(train, _context(), 8, tmp_path / "data", file).has_landmarks


def test_boxes_are_used(tmp_path: Path) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:60, 30:70] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    file = _write(tmp_path / "t.csv", ["path", "target", "x1", "y1", "x2", "y2"], [["a.png", 0, 35, 25, 65, 55]])
    assert (ImageCsv(file, _context("box"), 16)[0].image == 255).all()


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    good = _photo(tmp_path / "good.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    text = "\n".join(
        [
            "path,target,masked," + ",".join(LANDMARKS),
            f"{good},0,0," + ",".join(map(str, POINTS)),
            "absent.png,1,0," + ",".join(map(str, POINTS)),
            "empty.png,2,0," + ",".join(map(str, POINTS)),
            "folder.png,3,0," + ",".join(map(str, POINTS)),
            f"{good},0,0," + ",".join(map(str, POINTS)),
            "short.png,1",
            "bob.png,bob,0," + ",".join(map(str, POINTS)),
            "neg.png,-1,0," + ",".join(map(str, POINTS)),
            "float.png,1.0,0," + ",".join(map(str, POINTS)),
            "flag.png,1,maybe," + ",".join(map(str, POINTS)),
            "nan.png,1,0,nan," + ",".join(map(str, POINTS[1:])),
            "same.png,1,0," + ",".join(["7"] * 10),
            ",1,0," + ",".join(map(str, POINTS)),
        ]
    )
    (tmp_path / "train.csv").write_text(text)
    message = _complaint(tmp_path / "train.csv", _context("arcface"), 32)
    for line, words in [
        (3, "no such file"),
        (4, "empty"),
        (5, "not a file"),
        (6, "before in line 2"),
        (7, "2 values"),
        (8, "'bob'"),
        (9, "'-1'"),
        (10, "'1.0'"),
        (11, "'maybe'"),
        (12, "left_eye_x is 'nan'"),
        (13, "coincide"),
        (14, "path is empty"),
    ]:
        assert any(f"train.csv:{line}: " in part and words in part for part in message.split("\n")), (line, message)


@pytest.mark.parametrize(
    ("targets", "words"),
    [([0, 2], "no row has 1"), ([1, 2], "no row has 0"), ([0, 10**17], "no row has 1, 2"), ([5], "no row has 0, 1")],
)
def test_gaps_between_targets(tmp_path: Path, targets: list[int], words: str) -> None:
    rows = [[_photo(tmp_path / f"{i}.png"), target] for i, target in enumerate(targets)]
    message = _complaint(_write(tmp_path / "t.csv", ["path", "target"], rows), _context(), 8)
    assert words in message
    assert len(message) < 400


def test_identities_that_disagree(tmp_path: Path) -> None:
    rows = [[_photo(tmp_path / f"{i}.png"), i % 2, name] for i, name in enumerate(["Ann", "Bob", "Bob", "Bob", ""])]
    message = _complaint(_write(tmp_path / "t.csv", ["path", "target", "identity"], rows), _context(), 8)
    assert f"t.csv:4: target 0 is 'Bob' here and 'Ann' in {tmp_path / 't.csv'}:2" in message
    assert "t.csv:6: the identity is empty" in message
    rows = [[f"{i}.png", i, "Ann"] for i in range(2)]
    assert f"t.csv:3: 'Ann' has target 1 here and 0 in {tmp_path / 't.csv'}:2" in _complaint(
        _write(tmp_path / "t.csv", ["path", "target", "identity"], rows), _context(), 8
    )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["path"], "no column target"),
        (["path", "target", "lefteye_x"], "did you mean 'left_eye_x'"),
        (["path", "target", "left_eye_x"], "left_eye_y"),
        (["", "path", "target"], "index=False"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, header: list[str], words: str) -> None:
    file = _write(tmp_path / "t.csv", header, [["0"] * len(header)])
    assert words in _complaint(file, _context(), 8)


def test_empty_csvs(tmp_path: Path) -> None:
    (tmp_path / "nothing.csv").touch()
    assert "empty" in _complaint(tmp_path / "nothing.csv", _context(), 8)
    assert "no rows" in _complaint(_write(tmp_path / "t.csv", ["path", "target"], []), _context(), 8)


def test_landmarks_that_are_missing_or_given_twice(tmp_path: Path) -> None:
    names = [_photo(tmp_path / f"{i}.png") for i in range(2)]
    train = _write(tmp_path / "train.csv", ["path", "target"], [[n, i] for i, n in enumerate(names)])
    file = _write(tmp_path / "points.csv", ["path", *LANDMARKS], [[names[0], *POINTS]])
    assert "1.png: no landmarks for it" in _complaint(train, _context(), 8, landmarks=file)
    without = _write(tmp_path / "absent.csv", ["path", "target"], [[names[0], 0], ["absent.png", 1]])
    said = _complaint(without, _context(), 8, landmarks=file)
    assert said.endswith("absent.png: no such file")
    assert "no landmarks" not in said
    twice = _write(tmp_path / "points.csv", ["path", *LANDMARKS], [[n, *POINTS] for n in (*names, names[0])])
    assert "points.csv:4: '0.png' is listed twice, before in line 2" in _complaint(
        train, _context(), 8, landmarks=twice
    )
    rows = [[n, i, *POINTS] for i, n in enumerate(names)]
    train = _write(tmp_path / "train.csv", ["path", "target", *LANDMARKS], rows)
    assert "one or the other" in _complaint(train, _context(), 8, landmarks=twice)


def test_only_the_first_twenty_problems_are_shown(tmp_path: Path) -> None:
    message = _complaint(
        _write(tmp_path / "t.csv", ["path", "target"], [[f"{i}.png", i] for i in range(50)]), _context(), 8
    )
    assert "50 problems" in message
    assert "30 more" in message
    assert len(message.split("\n")) == 22


def test_a_photo_that_does_not_decode_is_named_when_read(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no JPEG")
    data = ImageCsv(_write(tmp_path / "t.csv", ["path", "target"], [["bad.jpg", 0]]), _context(), 8)
    with pytest.raises(UsageError, match=r"bad\.jpg"):
        data[0]


def test_box_beside_the_photo_is_named_when_read(tmp_path: Path) -> None:
    name = _photo(tmp_path / "a.png")
    file = _write(tmp_path / "t.csv", ["path", "target", "x1", "y1", "x2", "y2"], [[name, 0, 900, 900, 950, 950]])
    with pytest.raises(UsageError, match=r"a\.png.*not in the photo"):
        ImageCsv(file, _context("box"), 8)[0]


def test_pickles_and_loads_in_workers(tmp_path: Path) -> None:
    rows = [[_photo(tmp_path / f"{i}.png", 20 * i), i] for i in range(4)]
    data = ImageCsv(_write(tmp_path / "t.csv", ["path", "target"], rows), _context(), 8)
    copy = pickle.loads(pickle.dumps(data))
    assert all(torch.equal(copy[i].image, data[i].image) for i in range(4))
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=2)  # type: ignore[arg-type,var-annotated]
    assert [sample.label for sample in loader] == [0, 1, 2, 3]


@settings(max_examples=80, deadline=None)
@given(
    body=st.text("ab.png,\"\n\r0123-'\0é", max_size=60),
    header=st.sampled_from(["path,target", "path,target,masked", "target,path,identity", "path,target,x1,y1,x2,y2"]),
)
def test_any_csv_gives_a_set_or_one_error(tmp_path_factory: pytest.TempPathFactory, body: str, header: str) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    _photo(folder / "a.png", size=(8, 8))
    _photo(folder / "b.png", size=(8, 8))
    (folder / "t.csv").write_bytes(f"{header}\n{body}".encode())
    try:
        data = ImageCsv(folder / "t.csv", _context(), 8)
    except UsageError as error:
        message = str(error)
    else:
        message = "t.csv"
        assert sorted(set(data.labels)) == list(range(data.num_classes))
    assert "t.csv" in message


def test_real_faces(shared_faces: Path, tmp_path: Path) -> None:
    with (shared_faces / "lfw_landmarks.csv").open(encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)][::700]
    train = _write(tmp_path / "train.csv", ["path", "target"], [[path, i] for i, path in enumerate(paths)])
    data = ImageCsv(train, _context("arcface"), 112, shared_faces, shared_faces / "lfw_landmarks.csv")
    template = np.array(POINTS).reshape(5, 2)
    worst = []
    for i in range(len(data)):
        landmarks = data[i].landmarks
        assert landmarks is not None
        worst.append(np.abs(landmarks.numpy() - template).max())
    assert np.median(worst) < 8
