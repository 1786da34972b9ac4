"""What is wrong with pairs, groups or embeddings is a sentence, and the rest of the evaluation goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_graphs import SPEC, linear_model, write_model
from PIL import Image

from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries

Here = Callable[..., Any]
NAMES = ("Ann", 'Bo "B" <b>x</b>', "Cy\u202eyC", "D'\u00e9 & <script>alert(1)</script>", "E,e", "Fa", "Gu", "Hi")
COLUMNS = ("path", "target", "pair_path", "pair_target", "identity", "pair_identity")
Pair = list[object]


def square_roots() -> onnx.ModelProto:
    """A network whose embedding of an image with no bright pixel is NaN."""
    model = linear_model()
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Sqrt", ["most"], ["root"]),
        helper.make_node("Mul", ["x", "root"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of eight people, a black one, pairs, and a network."""
    place, rng = tmp_path_factory.mktemp("bad"), np.random.default_rng(0)
    entries = metadata_entries(OnnxMetadata(InputSpec(SPEC["size"], alignment="arcface"), Decisions({})))
    write_model(place / "model.onnx", square_roots(), entries)
    for number in range(len(NAMES)):
        face = rng.integers(0, 255, (32, 32, 3))
        for photo in range(4):
            noisy = np.clip(face + rng.normal(0, 70, face.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(place / f'{number}<i>"{photo}".png')
    Image.new("RGB", (32, 32)).save(place / "black.png")
    write_pairs(place / "good.csv", pairs())
    return place


def pairs() -> list[Pair]:
    """Four of each person, and four with others."""
    found: list[Pair] = []
    for one in range(len(NAMES)):
        for left, right in ((0, 1), (2, 3), (0, 2), (1, 3)):
            found.append(pair(one, left, one, right))
        for step, (left, right) in enumerate(((0, 1), (2, 3), (1, 1), (3, 0))):
            found.append(pair(one, left, (one + 1 + step) % len(NAMES), right))
    return found


def pair(one: int, left: int, other: int, right: int) -> Pair:
    """Photos of two people as a row."""
    names = [f'{person}<i>"{photo}".png' for person, photo in ((one, left), (other, right))]
    return [names[0], one, names[1], other, NAMES[one], NAMES[other]]


def write_pairs(path: Path, rows: Sequence[Pair], more: Sequence[str] = ()) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([[*COLUMNS, *more], *rows])


def absent(rows: list[Pair]) -> list[Pair]:
    return [[*rows[0][:2], "absent.png", *rows[0][3:]], *rows[1:]]


def one_kind(rows: list[Pair]) -> list[Pair]:
    return [row for row in rows if row[1] == row[3]]


def twice(rows: list[Pair]) -> list[Pair]:
    return [*rows, rows[0]]


def contradictory(rows: list[Pair]) -> list[Pair]:
    return [*rows, [*rows[0][:3], 7, rows[0][4], NAMES[7]]]


def gap(rows: list[Pair]) -> list[Pair]:
    return [[*row, 2 * (number % 2)] for number, row in enumerate(rows)]


def one_kind_a_fold(rows: list[Pair]) -> list[Pair]:
    return [[*row, int(row[1] == row[3])] for row in rows]


def black(rows: list[Pair]) -> list[Pair]:
    return [["black.png", 99, *rows[0][2:4], "Black", rows[0][5]], *rows[1:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (absent, "bad.csv:2: {place}/absent.png: no such file"),
        (one_kind, "bad.csv: only pairs of one person; both are needed"),
        (twice, "bad.csv:66: the same pair as in bad.csv:2; remove one"),
        (contradictory, """bad.csv:66: {place}/0<i>"1".png has target '7' here and '0' in bad.csv:2"""),
        (gap, "bad.csv: folds are [0, 2]: number them from 0 without gaps"),
        (one_kind_a_fold, "bad.csv: all pairs of one person are in fold 1: spread both kinds over the folds"),
        (black, "embeddings of 1 of 33 images are not finite, the first of {place}/black.png; take such images out"),
    ],
)
def test_bad_pairs_are_a_sentence_and_the_others_are_measured(
    change: Callable[[list[Pair]], list[Pair]], said: str, maskrec_here: Here, place: Path, tmp_path: Path
) -> None:
    rows = change(pairs())
    write_pairs(place / "bad.csv", rows, ("fold",) if len(rows[0]) > len(COLUMNS) else ())
    words = {"use": "verification", "fars": [0.5]}
    evaluate = {name: {**words, "pairs": {"use": "pairs_csv", "path": f"{name}.csv"}} for name in ("bad", "good")}
    (place / "both.yaml").write_text(json.dumps({"evaluate": evaluate}))
    out = tmp_path / "out"
    done = maskrec_here("evaluate", "model.onnx", "both.yaml", "--workers", 0, "--out", out, cwd=place)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert line.startswith("maskrec: bad could not be measured: ")
    assert said.format(place=place) in line
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert list(result["evaluate"]) == ["good"]
    assert list(result["failed"]) == ["bad"]
    assert "Traceback" not in done.stdout + done.stderr


def test_what_is_said_is_of_the_pairs_that_were_measured_alone(maskrec_here: Here, place: Path, tmp_path: Path) -> None:
    write_pairs(place / "bad.csv", absent(pairs()))
    words: dict[str, Any] = {
        "use": "verification", "fars": [0.5], "pairs": {"use": "pairs_csv", "path": "good.csv"},
    }  # fmt: skip
    worn = {**words["pairs"], "photos_masked": True}  # its first set can be built, and has a caveat
    evaluate = {"bad": {**words, "pairs": worn, "test": {"use": "pairs_csv", "path": "bad.csv"}}, "good": words}
    (place / "half.yaml").write_text(json.dumps({"evaluate": evaluate}))
    done = maskrec_here("evaluate", "model.onnx", "half.yaml", "--workers", 0, "--out", tmp_path / "out", cwd=place)
    assert done.returncode == 1
    assert list(json.loads((tmp_path / "out" / "result.json").read_text())["failed"]) == ["bad"]
    thresholds = json.loads((tmp_path / "out" / "thresholds.json").read_text())
    assert "good.pairs" in thresholds["measured_on"]
    assert "bad.pairs" not in thresholds["measured_on"]
    assert "masks that photos of these pairs already show" not in done.stdout


def test_where_nothing_can_be_measured_the_place_in_the_file_is_shown(maskrec_here: Here, place: Path) -> None:
    write_pairs(place / "bad.csv", absent(pairs()))
    text = "evaluate:\n  bad: {use: verification, pairs: {use: pairs_csv, path: bad.csv}}\n"
    (place / "one.yaml").write_text(text)
    done = maskrec_here("evaluate", "model.onnx", "one.yaml", "--workers", 0, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"maskrec: one.yaml:2:41: bad.csv:2: {place}/absent.png: no such file\n")


@pytest.mark.parametrize(
    ("column", "code", "said"),
    [
        ("holes", 0, "2 of 8 people have no value in the column 'holes'"),
        ("holes", 0, "1 of 8 people are not in groups.csv"),
        ("empty", 1, "the people of the evaluation pairs are in 0 groups of the column 'empty'"),
        ("absent", 1, "groups.csv:1: no column absent; the header is identity,holes,empty"),
    ],
)
def test_a_group_column_with_holes(column: str, code: int, said: str, maskrec_here: Here, place: Path) -> None:
    rows = [[name, "xy"[number % 2] if number < 6 else "", ""] for number, name in enumerate(NAMES)]
    with (place / "groups.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["identity", "holes", "empty"], *rows[1:]])
    good = {"use": "pairs_csv", "path": "good.csv"}
    split = {"use": "masked_gallery", "pairs": good, "fars": [0.5], "conditions": ["bare"]}
    groups = {"use": "by_group", "of": split, "groups": "groups.csv", "column": column}
    evaluate = {"fair": groups, "good": {"use": "verification", "fars": [0.5], "pairs": good}}
    (place / "groups.yaml").write_text(json.dumps({"evaluate": evaluate}))
    done = maskrec_here("evaluate", "model.onnx", "groups.yaml", "--workers", 0, cwd=place)
    assert done.returncode == code
    assert said in (done.stderr if code else done.stdout)
    assert "evaluate good: on its evaluation pairs" in done.stdout
