"""The index of a large set: it is read as it was written, and every fault is reported in one sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.images.packed.face_index import ENTRY, DataFile, FaceIndex, name_columns, read_face_index, write_face_index

NAMES = ["a b/1.jpg", "é,\n\"'/2.jpg", "", "写真.png"]


def _index(landmarks: bool = True) -> FaceIndex:
    entries = np.zeros(4, ENTRY)
    entries["offset"], entries["size"] = [0, 10, 0, 5], [10, 20, 5, 95]
    entries["file"], entries["label"] = [0, 0, 1, 1], [1, 0, 1, 0]
    entries["checksum"], entries["masked"], entries["mask_type"] = [1, 2, 3, 2**32 - 1], [0, 1, 0, 1], [0, 1, 0, 0]
    points = np.random.default_rng(0).normal(size=(4, 5, 2)) if landmarks else None
    boxes = np.arange(16.0).reshape(4, 4) if landmarks else None
    ends, names = name_columns(NAMES)
    files = [DataFile("one.bin", 30), DataFile("two.bin", 100)]
    return FaceIndex(files, "encoded", 0, ["a b", "写真"], ["", "cloth"], entries, ends, names, points, boxes)


def _refused(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_face_index(folder, "packed")
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("landmarks", [True, False])
def test_what_was_written_comes_back(tmp_path: Path, landmarks: bool) -> None:
    made = _index(landmarks)
    write_face_index(tmp_path, "packed", made)
    read = read_face_index(tmp_path, "packed")
    for found in (read, pickle.loads(pickle.dumps(read)), pickle.loads(pickle.dumps(made))):
        assert (found.entries == made.entries).all()
        assert [found.name(index) for index in range(4)] == NAMES
        assert (list(found.files), list(found.identities)) == (list(made.files), ["a b", "写真"])
        assert list(found.mask_types) == ["", "cloth"]
        if landmarks:
            assert (found.landmarks == made.landmarks).all()
            assert (found.boxes == made.boxes).all()
        else:
            assert found.landmarks is None
            assert found.boxes is None
    assert len(pickle.dumps(read)) < 500  # as its place, not as its content


def test_the_same_faces_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_face_index(tmp_path / name, "packed", _index())
    for name in ("packed.json", "packed.index"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_missing_cut_short_and_newer(tmp_path: Path) -> None:
    assert "packed.json" in _refused(tmp_path)
    write_face_index(tmp_path, "packed", _index())
    content, header = (tmp_path / "packed.index").read_bytes(), (tmp_path / "packed.json").read_bytes()
    (tmp_path / "packed.index").write_bytes(content[:-1])
    assert "copy the whole file again" in _refused(tmp_path)
    (tmp_path / "packed.index").write_bytes(content[:-1] + b"x")
    assert "checksum" in _refused(tmp_path)
    (tmp_path / "packed.index").unlink()
    assert "packed.index" in _refused(tmp_path)
    (tmp_path / "packed.json").write_bytes(header.replace(b'"version": 1', b'"version": 2'))
    assert "version 2" in _refused(tmp_path)
    (tmp_path / "packed.json").write_bytes(header[:-20])
    assert "damaged" in _refused(tmp_path)
    (tmp_path / "packed.json").write_bytes(b"[1]")
    assert "not an index" in _refused(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": [["one.bin", 29], ["two.bin", 100]]}, "beyond its file's end"),
        ({"files": [["one.bin", 30]]}, "file is beyond"),
        ({"files": [["../one.bin", 30], ["two.bin", 100]]}, "not beside it"),
        ({"identities": ["a"]}, "label is beyond"),
        ({"mask_types": [""]}, "mask_type is beyond"),
        ({"encoding": "raw", "side": 4}, "raw image of another size"),
        ({"encoding": "zip"}, "encoding"),
        ({"images": 3}, "damaged"),
        ({"sections": {"entries": 112}}, "damaged"),
        ({"files": 5}, "damaged"),
        ({"identities": ["a", "b", "nobody"]}, "without faces"),
    ],
)
def test_an_index_that_contradicts_itself(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    write_face_index(tmp_path, "packed", _index())
    header = json.loads((tmp_path / "packed.json").read_text(encoding="utf-8"))
    (tmp_path / "packed.json").write_text(json.dumps({**header, **changes}), encoding="utf-8")
    assert words in _refused(tmp_path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_headers_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    write_face_index(folder, "packed", _index())
    header = bytearray((folder / "packed.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.sampled_from(b'0129-.e"[]{},:ax \xff'))
    (folder / "packed.json").write_bytes(bytes(header))
    try:
        index = read_face_index(folder, "packed")
    except UsageError:
        return
    assert len(index) == 4
