"""Every kind of source as one sorted list of items whose bytes can be read."""

from __future__ import annotations

import csv
import json
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.random_access import RandomAccessFile
from maskrec.images.tars.faces import index_tars
from maskrec.images.tars.tarfiles import write_tar
from maskrec.preparation.face_sets.open_sets import open_sets
from maskrec.preparation.resumable.output_names import output_names, safe_part
from maskrec.preparation.sources.given_landmarks import with_landmarks
from maskrec.preparation.sources.opening import open_source
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Source
from tests.support.record_writing import write_records

STRANGE = [
    "a b.jpg",
    'c,"d".jpg',
    "two\nlines.jpg",
    "žluťoučký 漢字 😷.jpg",
    "-rf.jpg",
    "%s{0}\\.jpg",
    "dots.in.name.jpg",
]


def _write(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _told(source: Source) -> list[tuple[str, str, bytes]]:
    return [(item.key, item.identity, source.read(item)) for item in source.items]


def test_a_folder_per_person(tmp_path: Path) -> None:
    for number, name in enumerate(STRANGE):
        _write(tmp_path / 'Ann, "A"\n' / name, name.encode())
        _write(tmp_path / "Bo" / "deeper" / name, b"%d" % number)
    _write(tmp_path / "beside.jpg")
    _write(tmp_path / ".hidden" / "x.jpg")
    _write(tmp_path / "Bo" / ".DS_Store")
    _write(tmp_path / "Bo" / "Thumbs.db")
    (tmp_path / "nobody").mkdir()
    source = open_source(tmp_path)
    assert source.kind == "folder"
    told = {key: (identity, data) for key, identity, data in _told(source)}
    assert len(told) == 2 * len(STRANGE) + 1
    assert list(told) == sorted(told)
    assert told["beside.jpg"][0] == ""
    for number, name in enumerate(STRANGE):
        assert told[f'Ann, "A"\n/{name}'] == ('Ann, "A"\n', name.encode())
        assert told[f"Bo/deeper/{name}"] == ("deeper", b"%d" % number)
    assert open_source(tmp_path).fingerprint() == source.fingerprint()
    _write(tmp_path / "Bo" / "deeper" / "new.jpg")
    assert open_source(tmp_path).fingerprint() != source.fingerprint()


@pytest.mark.parametrize("around", ["", "set/", "data/lfw/"])
@pytest.mark.parametrize("kind", ["folder", "tar", "tars"])
def test_the_folder_in_which_a_photo_lies_is_its_person_whatever_is_around(
    tmp_path: Path, around: str, kind: str
) -> None:
    names = [f"{around}{name}" for name in ("Ann/1.jpg", "Ann/2.jpg", "Bo/1.jpg")]
    if kind == "folder":
        for name in names:
            _write(tmp_path / "x" / name)
    else:
        (tmp_path / "x").mkdir()
        write_tar(tmp_path / "x" / "t.tar", [(name, b"x") for name in names])
    source = open_source(tmp_path / "x" / "t.tar" if kind == "tar" else tmp_path / "x")
    assert [item.identity for item in source.items] == ["Ann", "Ann", "Bo"]


@pytest.mark.parametrize("kind", ["folder", "tar"])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Ann/1.jpg", "Ann/old/1.jpg"], "photos are in the folder 'Ann' and in 'Ann/old' within it"),
        (["a/Ann/1.jpg", "b/Ann/1.jpg"], "the folders 'a/Ann' and 'b/Ann' have one name"),
        (["Ann/0/1.jpg", "Bo/0/1.jpg"], "the folders 'Ann/0' and 'Bo/0' have one name"),
    ],
)
def test_folders_that_may_be_one_person_or_two(tmp_path: Path, kind: str, names: list[str], words: str) -> None:
    for name in names:
        _write(tmp_path / "x" / name)
    write_tar(tmp_path / "x.tar", [(name, b"x") for name in names])
    with pytest.raises(UsageError, match=f"{words}, so people are unknown; keep one folder per person"):
        open_source(tmp_path / ("x" if kind == "folder" else "x.tar"))


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (["Ann/1.jpg", "Ann/with_Mask/2.jpg", "Bo/1.jpg"], "with_Mask"),
        (["Ann/with_mask/1.jpg", "Ann/without_mask/1.jpg", "Bo/with_mask/1.jpg"], "with_mask"),
        (["without_mask/Ann/1.jpg", "with_mask/Ann/1.jpg"], "with_mask"),
        (["Ann/1.jpg", "Ann/ffp2/2.jpg", "Bo/1.jpg", "Bo/ffp2/2.jpg"], "ffp2"),
        (["Ann/1.jpg", "Ann/old/2.jpg"], ""),
        (["a/Ann/1.jpg", "b/Ann/1.jpg"], ""),
    ],
)
def test_a_folder_of_masked_photos_with_another_name_is_told_the_right_one(
    tmp_path: Path, names: list[str], called: str
) -> None:
    for name in names:
        _write(tmp_path / name)
    with pytest.raises(UsageError) as caught:
        open_source(tmp_path)
    advice = f"; where {called!r} says that a mask is worn, call the folder masked (or bare, where none is)"
    assert str(caught.value).endswith(advice if called else "or name a CSV of path,identity")


def test_folders_without_files_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "Ann" / "1.jpg")
    assert open_source(tmp_path).notes == ()
    _write(tmp_path / "Cy" / ".hidden")
    (tmp_path / "Bo" / "masked").mkdir(parents=True)
    (note,) = open_source(tmp_path).notes
    assert "(2: 'Bo/masked', 'Cy')" in note


@pytest.mark.parametrize("below", ["", "mine"])
def test_a_run_directory_is_not_a_folder_of_photos(tmp_path: Path, below: str) -> None:
    run = tmp_path / "runs" / below
    for name in ("recipe.yaml", "provenance.json", "figures/roc.png", "checkpoints/best.safetensors"):
        _write(run / name)
    with pytest.raises(UsageError, match=r"a run directory, which holds no faces; name a folder of photos"):
        open_source(tmp_path / "runs")
    (faces,) = open_sets(tmp_path / "runs")
    assert [problem.kind for problem in faces.problems] == ["damaged"]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - a name of bytes
    with open(folder + b"/\xff.jpg", "wb") as stream:  # noqa: PTH123
        stream.write(b"x")
    source = open_source(tmp_path)
    assert _told(source) == [("caf\\xe9/\\xff.jpg", "caf\\xe9", b"x")]
    source.items[0].key.encode("utf-8")
    assert source.fingerprint()


def test_lfw_naming_in_one_folder(tmp_path: Path) -> None:
    for name in ("Ann_B_0001.jpg", "Ann_B_0012.jpeg", "Bo_0001.PNG", "nobody.jpg"):
        _write(tmp_path / name)
    source = open_source(tmp_path)
    assert source.kind == "flat"
    assert [item.identity for item in source.items] == ["Ann_B", "Ann_B", "Bo", ""]


@pytest.mark.parametrize(
    "name",
    ["IMG_001", "DSC_0001", "_MG_0001", "PXL_20240501_101112", "IMG_20240501_101112_1", "image_1", "20240501_101112",
     "DSC00012_1", "P1010012_1", "MVIMG_20240501_101112", "photo_3", "frame_000123"],
)  # fmt: skip
def test_a_name_by_a_camera_is_nobody(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "photos" / f"{name}.jpg")
    with pytest.raises(UsageError, match=r"IMG_0001\.jpg is a camera's name"):
        open_source(tmp_path / "photos")
    _write(tmp_path / "photos" / "Ann_0001.jpg")
    assert [item.identity for item in open_source(tmp_path / "photos").items if name in item.key] == [""]


@pytest.mark.parametrize("name", ["Ann_B", "0000045", "P1", "Ann_2019", "Image Ann", "Facey", "20241301", "id_7"])
def test_other_names_with_a_number_are_people(tmp_path: Path, name: str) -> None:
    _write(tmp_path / f"{name}_001.jpg")
    assert [item.identity for item in open_source(tmp_path).items] == [name]


def test_folders_that_are_not_a_source(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder; the source of photos may be a folder per person"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no photos in it"):
        open_source(tmp_path)
    _write(tmp_path / "photo.jpg")
    with pytest.raises(UsageError, match="people are unknown; make a folder per person"):
        open_source(tmp_path)
    with pytest.raises(UsageError, match="not a source of photos"):
        open_source(tmp_path / "photo.jpg")
    (tmp_path / "packed.json").write_text("{}")
    with pytest.raises(UsageError, match="a packed set, which is for training"):
        open_source(tmp_path)
    (tmp_path / "packed.json").unlink()
    (tmp_path / "person").mkdir()
    (tmp_path / "person" / "loop").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(UsageError, match="the link leads back to a folder above it"):
        open_source(tmp_path)


def test_links_pipes_and_files_that_go(tmp_path: Path) -> None:
    _write(tmp_path / "elsewhere" / "a.jpg", b"linked")
    photos = tmp_path / "photos"
    _write(photos / "Ann" / "gone.jpg")
    (photos / "Bo").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (photos / "Ann" / "broken.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(photos / "Ann" / "pipe.jpg")
    (photos / "Ann" / "loop.jpg").symlink_to("loop.jpg")
    (photos / "Ann" / "zero.jpg").symlink_to("/dev/zero")
    source = open_source(photos)
    (photos / "Ann" / "gone.jpg").unlink()
    items = {item.key: item for item in source.items}
    assert source.read(items["Bo/a.jpg"]) == b"linked"
    said = {"gone": "No such file", "broken": "No such file", "loop": "Too many levels of symbolic links"}
    for key, words in {**said, "pipe": "it is a named pipe", "zero": "it is a device"}.items():
        with pytest.raises(UsageError, match=f"Ann/{key}.jpg: cannot be read .{words}"):
            source.read(items[f"Ann/{key}.jpg"])


def test_a_link_to_itself_ends_no_reading_of_a_folder(tmp_path: Path) -> None:
    for name in ("Ann_0001.jpg", "Ann_0002.jpg"):
        _write(tmp_path / "flat" / name)
        _write(tmp_path / "folders" / "Ann" / name)
    for folder in ("flat", "folders/Ann"):
        (tmp_path / folder / "Ann_0003.jpg").symlink_to("Ann_0003.jpg")
    for name in ("flat", "folders"):
        source = open_source(tmp_path / name)
        assert len(source.items) == 3
        source.refuse_inside(tmp_path / "flat" / "Ann_0003.jpg" / "out" if name == "folders" else tmp_path / "out")
        (faces,) = open_sets(tmp_path / name)
        assert len(faces) == 3
        with pytest.raises(UsageError, match="Too many levels of symbolic links"):
            faces.read(2)
    (tmp_path / "folders" / "loop").symlink_to("loop")
    assert len(open_source(tmp_path / "folders").items) == 4


def _csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def test_a_csv(tmp_path: Path) -> None:
    for name in STRANGE:
        _write(tmp_path / "deep" / name, name.encode())
    rows: list[list[object]] = [[f"deep/./{name}", f'who, "{number % 3}"'] for number, name in enumerate(STRANGE)]
    elsewhere = _write(tmp_path / "elsewhere" / "b.jpg", b"far")
    rows.append([str(elsewhere), "absolute"])
    source = open_source(_csv(tmp_path / "t.csv", ["path", "identity"], rows))
    assert source.kind == "csv"
    told = {key: (identity, data) for key, identity, data in _told(source)}
    assert told[f"deep/{STRANGE[1]}"] == ('who, "1"', STRANGE[1].encode())
    assert told[str(elsewhere)] == ("absolute", b"far")
    by_target = open_source(_csv(tmp_path / "u.csv", ["path", "target"], [["a", 10], ["b", 9], ["missing", 9]]))
    assert [item.identity for item in by_target.items] == ["000010", "000009", "000009"]
    with pytest.raises(UsageError, match="missing: cannot be read"):
        by_target.read(by_target.items[2])


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        (["path"], ["a"], "neither a column `identity` nor `target`, so the people are unknown"),
        (["file", "identity"], ["a", "b"], "no column path"),
        (
            ["path", "identity", "left_eye"],
            ["a", "b", "1"],
            "unknown column 'left_eye'; did you mean 'left_eye_",
        ),
        (["path", "identity", "left_eye_x"], ["a", "b", "1"], "need left_eye_y"),
        (["path", "target"], ["a", "-1"], "not a whole number from 0"),
        (["path", "target"], ["a", "Ann"], "target is 'Ann'"),
        (["path", "identity"], ["a", " "], "the identity is empty"),
        (["path", "identity"], ["", "b"], "the path is empty"),
        (["path", "identity", "masked"], ["a", "b", "maybe"], "masked is 'maybe', not 0 or 1"),
        (["path", "identity"], ["a", "b", "c"], "3 values where the header has 2 columns"),
    ],
)
def test_csvs_with_faults(tmp_path: Path, header: list[str], row: list[object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_source(_csv(tmp_path / "t.csv", header, [row]))


def test_a_csv_whose_targets_contradict_its_names(tmp_path: Path) -> None:
    rows = [["a", 0, "Ann"], ["b", 0, "Bo"], ["c", 1, "Cy"], ["d", 2, "Cy"]]
    with pytest.raises(UsageError) as refused:
        open_source(_csv(tmp_path / "t.csv", ["path", "target", "identity"], rows))
    assert f"t.csv:3: target 0 is 'Bo' here and 'Ann' in {tmp_path / 't.csv'}:2" in str(refused.value)
    assert f"t.csv:5: 'Cy' has target 2 here and 1 in {tmp_path / 't.csv'}:4" in str(refused.value)


def test_a_csv_that_names_a_photo_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.csv:3: '\./a\.jpg' is listed twice, before in line 2"):
        open_source(_csv(tmp_path / "t.csv", ["path", "identity"], [["a.jpg", "b"], ["./a.jpg", "c"]]))
    with pytest.raises(UsageError, match="is listed twice, before in line 2"):
        open_source(_csv(tmp_path / "u.csv", ["path", "identity"], [["a.jpg", "b"], [str(tmp_path / "a.jpg"), "b"]]))


def test_a_csv_that_names_a_photo_twice_seen_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _csv(tmp_path / "t.csv", ["path", "identity"], [["a.jpg", "b"], [str(tmp_path / "a.jpg"), "b"]])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is listed twice, before in line 2"):
        open_source(Path("t.csv"))


def test_a_folder_whose_work_has_not_finished(tmp_path: Path) -> None:
    _write(tmp_path / "Ann" / "1.jpg")
    (tmp_path / ".parts").mkdir()
    with pytest.raises(UsageError, match="the work in this folder is not finished: run the same command again"):
        open_source(tmp_path)


def test_landmarks_beside_the_photos(tmp_path: Path) -> None:
    for name in ("Ann/1.jpg", "Bo/1.jpg"):
        _write(tmp_path / "photos" / name)
    points = [float(number) for number in range(10)]
    header = ["path", *LANDMARK_COLUMNS, "x1", "y1", "x2", "y2"]
    rows = [
        [f"photos/{who}/1.jpg", *(point + add for point in points), 1, 2, 3, 4] for who, add in (("Ann", 0), ("Bo", 9))
    ]
    file = _csv(tmp_path / "landmarks.csv", header, rows)
    source = with_landmarks(open_source(tmp_path / "photos"), file)
    assert source.items[1].landmarks == tuple(point + 9 for point in points)
    assert source.items[1].box == (1.0, 2.0, 3.0, 4.0)
    assert source.fingerprint() != open_source(tmp_path / "photos").fingerprint()
    _write(tmp_path / "photos" / "Bo" / "2.jpg")
    with pytest.raises(UsageError, match="no landmarks for it in"):
        with_landmarks(open_source(tmp_path / "photos"), file)
    with pytest.raises(UsageError, match="already has landmarks"):
        with_landmarks(source, file)
    write_tar(tmp_path / "a.tar", [("Ann/1.jpg", b"x")])
    _csv(tmp_path / "faces.csv", ["path", "identity"], [["a.tar/Ann/1.jpg", "Ann"]])
    assert open_source(tmp_path).read(open_source(tmp_path).items[0]) == b"x"


def test_landmarks_of_the_aligned_faces_are_not_those_of_their_photos(tmp_path: Path) -> None:
    for folder in ("photos", "faces"):
        _write(tmp_path / folder / "Ann" / "1.jpg")
    file = _csv(tmp_path / "faces" / "l.csv", ["path", *LANDMARK_COLUMNS], [["Ann/1.jpg", *range(10)]])
    with pytest.raises(UsageError, match=r"its rows belong to the files beside it, such as .*faces/Ann/1\.jpg"):
        with_landmarks(open_source(tmp_path / "photos"), file)


def test_record_files(tmp_path: Path) -> None:
    write_records(tmp_path / "t.rec", [(float(label), b"image %d" % label) for label in (3, 0, 12, 3)])
    source = open_source(tmp_path / "t.rec")
    assert source.kind == "rec"
    assert _told(source) == [
        (f"{place:08d}", f"{label:06d}", b"image %d" % label) for place, label in enumerate((3, 0, 12, 3))
    ]
    (tmp_path / "t.rec").write_bytes((tmp_path / "t.rec").read_bytes()[:-9])
    with pytest.raises(UsageError, match="truncated"):
        open_source(tmp_path / "t.rec")


def test_bin_files(tmp_path: Path) -> None:
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps(([b"a", b"b", b"c", b"d"], [True, False])))
    source = open_source(tmp_path / "lfw.bin")
    assert [data for _, _, data in _told(source)] == [b"a", b"b", b"c", b"d"]
    assert [item.identity for item in source.items] == [
        "pair000000",
        "pair000000",
        "pair000001_left",
        "pair000001_right",
    ]
    (tmp_path / "evil.bin").write_bytes(b"cos\nsystem\n(S'touch " + os.fsencode(tmp_path) + b"/pwned'\ntR.")
    with pytest.raises(UsageError):
        open_source(tmp_path / "evil.bin")
    assert not (tmp_path / "pwned").exists()


def test_tars(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    first = [("0001.jpg", b"one"), ("0001.cls", b"7"), ("0002.jpg", b"two"), ("0002.cls", b"Bo")]
    write_tar(tmp_path / "s" / "0.tar", first)
    told = json.dumps({"identity": "Cy"}).encode()
    write_tar(tmp_path / "s" / "1.tar", [("a.jpg", b"three"), ("a.cls", b"3"), ("a.json", told), ("a.txt", b"a face")])
    write_tar(
        tmp_path / "people.tar", [("Ann/1.jpg", b"x"), ("Ann/notes.txt", b"y"), ("Bo_0001.jpg", b"z"), ("no.jpg", b"")]
    )
    assert _told(open_source(tmp_path / "s")) == [
        ("0.tar/0001.jpg", "000007", b"one"),
        ("0.tar/0002.jpg", "Bo", b"two"),
        ("1.tar/a.jpg", "Cy", b"three"),
    ]
    assert _told(open_source(tmp_path / "people.tar")) == [
        ("Ann/1.jpg", "Ann", b"x"),
        ("Ann/notes.txt", "Ann", b"y"),
        ("Bo_0001.jpg", "Bo", b"z"),
        ("no.jpg", "", b""),
    ]
    source = open_source(tmp_path / "people.tar")
    (tmp_path / "people.tar").write_bytes((tmp_path / "people.tar").read_bytes()[:600])
    with pytest.raises(UsageError, match=r"Bo_0001\.jpg: cannot be read .people\.tar is truncated"):
        source.read(source.items[2])
    (tmp_path / "s" / "1.tar").unlink()
    write_tar(tmp_path / "s" / "1.tar", [("a.jpg", b"three"), ("a.json", b"[")])
    with pytest.raises(UsageError, match=r"1\.tar:a: its \.json is damaged"):
        open_source(tmp_path / "s")


DOTTED = [
    (f"{who.replace(' ', '_')}_000{number}.{ending}", data)
    for who in ("A.B. Bell", "A.C. Berg")
    for number in (1, 2)
    for ending, data in (("jpg", b"x"), ("json", json.dumps({"identity": who}).encode()))
]
NAMES = ["A.B. Bell", "A.B. Bell", "A.C. Berg", "A.C. Berg"]


def _people_of_both_readers(tmp_path: Path, files: list[tuple[str, bytes]]) -> list[str]:
    """Each photo's person, in the order of the names, where both readers of tars agree."""
    write_tar(tmp_path / "t.tar", files)
    index = index_tars([RandomAccessFile(tmp_path / "t.tar")], "t")
    names = [index.name(place) for place in range(len(index.entries))]
    trained = dict(zip(names, (index.identities[label] for label in index.entries["label"]), strict=True))
    prepared = {item.key: item for item in open_source(tmp_path / "t.tar").items}
    assert sorted(trained) == sorted(prepared)
    assert {key: item.identity.lstrip("0") for key, item in prepared.items()} == trained
    worn = dict(zip(names, index.entries["masked"].tolist(), strict=True))
    assert {key: item.masked for key, item in prepared.items()} == {key: bool(flag) for key, flag in worn.items()}
    return [trained[name] for name in sorted(trained)]


def test_the_last_dot_parts_a_members_name(tmp_path: Path) -> None:
    assert _people_of_both_readers(tmp_path, DOTTED) == NAMES
    bare = [(name, data) for name, data in DOTTED if name.endswith("jpg")]
    assert _people_of_both_readers(tmp_path, bare) == [name.replace(" ", "_") for name in NAMES]


@pytest.mark.parametrize(
    ("sidecars", "person"),
    [
        ({"json": b'{"identity": "Cy"}', "cls": b"3"}, "Cy"),
        ({"json": b'{"label": 12}'}, "12"),
        ({"json": b'{"target": "007"}'}, "7"),
        ({"json": b'{"identity": null, "label": " Cy "}'}, "Cy"),
        ({"json": b'{"masked": 1, "mask_type": "n95"}', "cls": b"007\n"}, "7"),
        ({"JSON": b'{"identity": "Cy"}'}, "Cy"),
        ({"cls": b"3", "id": b"Di", "txt": b"a face"}, "3"),
        ({"id": b"Di", "txt": b"a face"}, "Di"),
        ({"txt": b"a face"}, "folder"),
        ({"cls": b" "}, "folder"),
    ],
)
def test_both_readers_of_tars_agree_on_every_sidecar(tmp_path: Path, sidecars: dict[str, bytes], person: str) -> None:
    files = [("folder/1.jpg", b"x"), *((f"folder/1.{ending}", data) for ending, data in sidecars.items())]
    hidden = [("folder/._1.jpg", b"y"), ("folder/.DS_Store", b"y")]
    assert _people_of_both_readers(tmp_path, [*files, *hidden]) == [person]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("1.json", b"{}"), ("1.JSON", b"{}")], "are the same part of sample"),
        ([("1.cls", b"1"), ("1.CLS", b"2")], "are the same part of sample"),
        ([("1.json", b"{")], "its .json is damaged"),
        ([("1.json", b"[]")], "its .json is damaged .its JSON is not an object"),
        ([("1.json", b'{"identity": 1.5}')], "identity 1.5, which is not a name or a whole number"),
        ([("1.json", b'{"label": true}')], "label True, which is not a name or a whole number"),
        ([("1.json", b'{"masked": "perhaps"}')], "masked is 'perhaps', not 0 or 1"),
        ([("1.json", b'{"nose_x": 3}')], "not all ten landmark columns"),
        ([("1.cls", b"\xff")], "is not UTF-8"),
    ],
)
def test_both_readers_of_tars_refuse_the_same_sidecars(
    tmp_path: Path, files: list[tuple[str, bytes]], words: str
) -> None:
    write_tar(tmp_path / "t.tar", [("1.jpg", b"x"), *files])
    with pytest.raises(UsageError, match=words):
        open_source(tmp_path / "t.tar")
    with pytest.raises(UsageError, match=words):
        index_tars([RandomAccessFile(tmp_path / "t.tar")], "t")


def test_landmarks_and_masks_of_a_tars_sidecars_are_taken(tmp_path: Path) -> None:
    fields = dict(zip(LANDMARK_COLUMNS, range(10), strict=True)) | {"masked": True, "mask_type": "n95"}
    write_tar(
        tmp_path / "t.tar", [("Ann/1.jpg", b"x"), ("Ann/1.json", json.dumps(fields).encode()), ("Bo/1.jpg", b"x")]
    )
    one, other = open_source(tmp_path / "t.tar").items
    assert (one.landmarks, one.masked, one.mask_type) == (tuple(map(float, range(10))), True, "n95")
    assert (other.landmarks, other.masked, other.mask_type) == (None, False, "")


def test_tars_that_point_outside(tmp_path: Path) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        header = tarfile.TarInfo("../../evil.jpg")
        header.size = 1
        archive.addfile(header, io.BytesIO(b"x"))
    with pytest.raises(UsageError, match="leads outside"):
        open_source(tmp_path / "t.tar")


def test_readers_pickle_small(tmp_path: Path) -> None:
    for number in range(300):
        _write(tmp_path / f"person {number:03d}" / "photo.jpg", b"%d" % number)
    source = open_source(tmp_path)
    data = pickle.dumps(source.reader)
    assert len(data) < 500 + len(str(tmp_path))
    assert pickle.loads(data)(source.items[7]) == b"7"


KEYS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=300)


@given(st.lists(st.tuples(KEYS, KEYS), max_size=20, unique_by=lambda item: item[0]), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_names_of_files_are_unique_and_stay_below_the_folder(items: list[tuple[str, str]], dots: bool) -> None:
    names = output_names([Item(key, identity) for key, identity in sorted(items)], dots=dots)
    assert len(set(names)) == len(items)
    for name in names:
        parts = name.split("/")
        assert len(parts) == 2
        assert all(part not in ("", ".", "..") and "\\" not in part for part in parts)
        assert all(len(part.encode()) < 240 and not part.startswith(".") for part in parts)
        assert dots or "." not in parts[1]


def test_names_say_where_photos_come_from() -> None:
    keys = [("Ann/1.jpg", "Ann"), ("Ann/1.png", "Ann"), ("Ann/old/1.jpg", "Ann"), ("lfw/Bo/Bo_0001.jpg", "Bo")]
    keys += [("/abs/photos/x.y.jpg", "Cy"), ("Di_0001.jpg", "Di"), ("0.tar/7.jpg", "000012"), ("00000003", "000001")]
    assert output_names([Item(key, identity) for key, identity in keys]) == [
        "Ann/1", "Ann/1~2", "Ann/old_1", "Bo/Bo_0001", "Cy/x.y", "Di/Di_0001", "000012/7", "000001/00000003",
    ]  # fmt: skip
    assert safe_part("../x") == "_._x"
    alike = [Item(f"Ann/{name}", "Ann") for name in ("1.gif", "1.jpg", "1.png", "1~2.jpg")]
    assert output_names(alike) == ["Ann/1", "Ann/1~2", "Ann/1~3", "Ann/1~2~2"]


def test_a_folder_called_masked_says_which_photos_wear_a_mask(tmp_path: Path) -> None:
    _write(tmp_path / "people/Ann/1.jpg")
    assert open_source(tmp_path / "people").items.masked is None
    for name in ("Ann/masked/1.jpg", "MASKED/Bo/2.jpg", "bare/Bo/2.jpg"):
        _write(tmp_path / "people" / name)
    source = open_source(tmp_path / "people")
    assert [(item.key, item.identity, item.masked) for item in source.items] == [
        ("Ann/1.jpg", "Ann", False),
        ("Ann/masked/1.jpg", "Ann", True),
        ("MASKED/Bo/2.jpg", "Bo", True),
        ("bare/Bo/2.jpg", "Bo", False),
    ]
    assert len(set(output_names(source.items))) == 4
    for name in ("Ann_0001.jpg", "masked/Ann_0002.jpg"):
        _write(tmp_path / "flat" / name)
    flat = open_source(tmp_path / "flat")
    assert [(item.identity, item.masked) for item in flat.items] == [("Ann", False), ("Ann", True)]


def test_a_csv_says_which_photos_wear_a_mask_by_either_column(tmp_path: Path) -> None:
    _write(tmp_path / "a.jpg")
    assert open_source(_csv(tmp_path / "plain.csv", ["path", "identity"], [["a.jpg", "Ann"]])).items.masked is None
    for column, cell in (("masked", 1), ("mask_type", "n95")):
        source = open_source(_csv(tmp_path / "worn.csv", ["path", "identity", column], [["a.jpg", "Ann", cell]]))
        assert source.items.masked is not None
        assert source.items[0].masked
