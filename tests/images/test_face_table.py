"""Faces and pairs as columns: each column by its reader, every cell that cannot be read with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.face_columns import FACE_COLUMNS, LANDMARK_COLUMNS, PAIR_COLUMNS, columns_of, landmark_cells
from maskrec.images.face_table import contradictions, first_rows, read_faces, target_gaps
from maskrec.images.landmarks_file import read_landmarks
from maskrec.images.pair_table import read_pairs

POINTS = "38.3,51.7,73.5,51.5,56.0,71.7,41.5,92.4,70.7,92.2"
ALL = ("path", "target", "identity", "source", "masked", "mask_type", "landmarks", "box")


def _write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _said(problems: Problems) -> list[str]:
    return [problem.render() for problem in problems.errors]


def test_every_column_has_its_type(tmp_path: Path) -> None:
    header = ",".join(columns_of(*ALL, "score", "split", "note"))
    path = _write(
        tmp_path / "f.csv",
        header,
        f'"a, b.jpg",007,Ann ,raw/a.jpg,yes, n95 ,{POINTS},1,2,3,4.5,0.9,train,x',
        f"c.jpg,0,Bo,,0,,{POINTS},1,2,3,4,,,",
    )
    problems = Problems()
    faces = read_faces(path, problems, ALL)
    assert not problems.entries
    assert [faces.frame[name].tolist() for name in ("path", "target", "identity", "source", "masked", "mask_type")] == [
        ["a, b.jpg", "c.jpg"],
        [7, 0],
        ["Ann ", "Bo"],
        ["raw/a.jpg", ""],
        [True, False],
        ["n95", ""],
    ]
    assert faces.frame["target"].dtype == np.int64
    assert faces.masked().dtype == np.bool_
    assert faces.landmarks is not None
    assert faces.landmarks.shape == (2, 5, 2)
    assert ",".join(landmark_cells(faces.landmarks[0].ravel().tolist()).values()) == ",".join(
        f"{float(value):.2f}" for value in POINTS.split(",")
    )
    assert faces.boxes is not None
    assert faces.boxes.tolist() == [[1, 2, 3, 4.5], [1, 2, 3, 4]]


def test_cells_that_cannot_be_read_are_named_and_stand_ins_take_their_place(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "f.csv",
        ",".join(columns_of("path", "target", "identity", "masked", "landmarks", "box")),
        f"a,0,Ann,1,{POINTS},1,2,3,4",
        f",-1, ,2,{POINTS.replace('38.3', 'x')},1,2,1,4",
        f"b,1.0,Bo,,{','.join(['7'] * 10)},1,nan,3,4",
    )
    problems = Problems()
    faces = read_faces(path, problems, ALL)
    assert sorted(_said(problems)) == sorted(
        f"{path}:{line}: {words}"
        for line, words in [
            (3, "the path is empty"),
            (3, "target is '-1', not a whole number from 0"),
            (3, "the identity is empty"),
            (3, "masked is '2', not 0 or 1"),
            (3, "left_eye_x is 'x', not a number"),
            (3, "the box x1,y1,x2,y2 has no area"),
            (4, "target is '1.0', not a whole number from 0"),
            (4, "masked is '', not 0 or 1"),
            (4, "the five landmarks coincide"),
            (4, "y1 is 'nan', not a number"),
        ]
    )
    assert faces.frame["target"].tolist() == [0, -1, -1]
    assert faces.landmarks is not None
    assert np.isnan(faces.landmarks).all((1, 2)).tolist() == [False, True, True]


def test_fields_that_are_not_asked_for_are_ignored_and_unknown_columns_are_not(tmp_path: Path) -> None:
    path = _write(tmp_path / "f.csv", "path,target,x1", "a,what,ever")
    problems = Problems()
    assert list(read_faces(path, problems, ("path",)).frame.columns) == ["path"]
    assert not problems.entries
    with pytest.raises(UsageError, match="did you mean 'mask_type'"):
        read_faces(_write(path, "path,masktype", "a,n95"), problems, ("path",))
    with pytest.raises(UsageError, match="columns x1 need y1, x2, y2 as well"):
        read_faces(_write(path, "path,x1", "a,1"), problems, ALL)
    with pytest.raises(KeyError):
        columns_of("path", "paht")


def test_people_twice_files_and_contradictions(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    path = _write(
        tmp_path / "f.csv", "path,target,identity", "a,0,Ann", "./a,0,Ann", "b,0,Bo", "c,1,Cy", "d,2,Cy", ",1,Cy"
    )
    problems = Problems()
    faces = read_faces(path, problems, ALL)
    problems.entries.clear()
    places = faces.places(tmp_path)
    faces.check_twice(places, problems)
    assert _said(problems) == [f"{path}:3: './a' is listed twice, before in line 2; remove one"]
    problems.entries.clear()
    faces.check_files(places, problems)
    assert [said.partition(": ")[0] for said in _said(problems)] == [f"{path}:{line}" for line in (4, 5, 6)]
    problems.entries.clear()
    faces.check_people(problems)
    assert _said(problems) == [
        f"{path}:4: target 0 is 'Bo' here and 'Ann' in {path}:2",
        f"{path}:6: 'Cy' has target 2 here and 1 in {path}:5",
    ]
    assert faces.people()[2] == "Bo"
    numbered = read_faces(_write(path, "path,target", "a,12", "b,3"), problems, ALL)
    assert numbered.people() == ["000012", "000003"]
    with pytest.raises(UsageError, match="neither a column `identity` nor `target`"):
        read_faces(_write(path, "path", "a"), problems, ALL).people()


@settings(max_examples=100, deadline=None)
@given(keys=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])), max_size=12))
def test_first_rows_and_contradictions_against_a_loop(keys: list[tuple[str, str]]) -> None:
    import pandas as pd

    names, values = [key for key, _ in keys], [value for _, value in keys]
    assert first_rows(names).tolist() == [names.index(name) for name in names]
    wanted = [
        (row, names.index(name))
        for row, (name, value) in enumerate(keys)
        if value and values[names.index(name)] not in ("", value)
    ]
    assert contradictions(pd.Series(names, dtype=object), pd.Series(values, dtype=object)) == wanted


@settings(max_examples=100, deadline=None)
@given(targets=st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_gaps_against_a_loop(targets: list[int]) -> None:
    said = target_gaps(targets)
    missing = [number for number in range(max(targets)) if number not in targets]
    assert bool(said) == bool(missing)
    if missing:
        shown = said.partition("no row has ")[2].partition(":")[0].removesuffix(", ...")
        assert shown == ", ".join(map(str, missing[:10]))
        assert (", ..." in said) == (len(missing) > 10)


def test_landmarks_are_found_by_photo_below_the_root_or_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    path = _write(tmp_path / "l.csv", ",".join(columns_of("path", "landmarks")), f"a,{POINTS}", f"b,{POINTS}")
    problems = Problems()
    landmarks = read_landmarks(path, tmp_path / "root", problems)
    photos = [str(tmp_path / "a"), str(tmp_path / "root" / "b"), str(tmp_path / "c")]
    points, boxes = landmarks.of(photos, problems)
    assert (points.shape, boxes) == ((3, 5, 2), None)
    assert [said.partition(": ")[0] for said in _said(problems)] == [str(tmp_path / "c")]


def test_pairs_are_two_rows_of_photos_each_and_bad_rows_are_left_out(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "p.csv",
        "path,target,pair_path,pair_target,masked,pair_masked,pair_identity,condition,fold,note",
        "a,00,b,Ann,1,0, Bo,bare,1,x",
        "a,1.5,b,2,1,0,,,0,",
        "c,1,d,1,0,no,,,2,",
        "c,1,,1,0,0,,,3,",
    )
    problems = Problems()
    pairs = read_pairs(path, problems)
    assert sorted(_said(problems)) == [
        f"{path}:3: target is '1.5', not a whole number or a name",
        f"{path}:5: the pair_path is empty",
    ]
    assert pairs.rows.tolist() == [0, 2]
    assert pairs.photos["path"].tolist() == ["a", "b", "c", "d"]
    assert pairs.photos["target"].tolist() == ["0", "Ann", "1", "1"]
    assert pairs.photos["masked"].tolist() == [True, False, False, False]
    assert pairs.photos["identity"].tolist() == ["", " Bo", "", ""]
    assert "mask_type" not in pairs.photos
    assert pairs.condition is not None
    assert pairs.condition.tolist() == ["bare", ""]
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [1, 2]


def test_each_column_is_declared_once() -> None:
    assert set(LANDMARK_COLUMNS) <= set(FACE_COLUMNS)
    sides = {name.removeprefix("pair_") for name in PAIR_COLUMNS if name.startswith("pair_")}
    assert sides == {"path", "target", "masked", "mask_type", "identity", "photo"}
    docs = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert [name for name in FACE_COLUMNS if f"`{name}`" not in docs and name not in LANDMARK_COLUMNS] == []
