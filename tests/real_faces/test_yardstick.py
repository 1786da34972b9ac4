"""The flat polygons and their pairs, and the table of the yardstick, on a small data set in LFW's layout."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from warm_python import run_python

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.alignment import ARCFACE_POINTS
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.pairs.pairs_csv import pairs_csv

FOLDER = Path(__file__).parents[2] / "benchmarks" / "real_faces"
PEOPLE = [f"Person_{letter}" for letter in "ABCDEFGH"]
POINTS = np.array(ARCFACE_POINTS)


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


flat_polygons = module("flat_polygons")


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people with two photos, two folds of four pairs; every face lies where ArcFace's template has it."""
    folder = tmp_path_factory.mktemp("lfw")
    draw = np.random.default_rng(0)
    with (folder / "landmarks.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", *LANDMARK_COLUMNS])
        for name in PEOPLE:
            (folder / "photos" / name).mkdir(parents=True)
            for number in (1, 2):
                path = f"photos/{name}/{name}_{number:04d}.jpg"
                blurred = cv2.resize(draw.integers(0, 255, (14, 14, 3)).astype(np.uint8), (112, 112))
                cv2.imwrite(str(folder / path), blurred)
                writer.writerow([path, *POINTS.reshape(-1)])
    lines = ["2\t2"]
    for fold in (0, 1):
        a, b, c, d = PEOPLE[4 * fold : 4 * fold + 4]
        lines += [f"{a}\t1\t2", f"{b}\t1\t2", f"{c}\t1\t{d}\t1", f"{c}\t2\t{d}\t2"]
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(script: str, *arguments: object) -> str:
    done = run_python([FOLDER / script, *arguments])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def flat(lfw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flat") / "out"
    files = ("--lfw", lfw / "photos", "--landmarks", lfw / "landmarks.csv", "--pairs", lfw / "pairs.txt")
    assert "16 photos bare and masked, 8 pairs each way" in run("flat_polygons.py", *files, "--out", out)
    return out


def test_the_polygon_hides_nose_mouth_and_chin_and_leaves_the_eyes() -> None:
    black = np.zeros((112, 112, 3), np.uint8)
    drawn = flat_polygons.draw_polygon(black, POINTS, (1, 2, 3), 0.2)
    assert set(map(tuple, drawn.reshape(-1, 3).tolist())) == {(0, 0, 0), (1, 2, 3)}
    hidden = drawn.any(2)
    for x, y in POINTS.round().astype(int)[2:]:
        assert hidden[y, x]
    assert not hidden[: int(POINTS[0, 1]) + 8].any()
    assert hidden[111, 56]
    assert black.max() == 0


def test_the_polygon_turns_with_the_face() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    corners = flat_polygons.outline(POINTS, 0.3)
    assert np.allclose(flat_polygons.outline(POINTS @ turn.T + 5, 0.3), corners @ turn.T + 5)
    # the viewer's right eye is on the right of the outline
    assert corners[1, 0] > corners[0, 0] > corners[6, 0]


def test_masked_copies_differ_where_the_polygon_is_only(flat: Path) -> None:
    names = sorted(path.name for path in (flat / "bare").iterdir())
    assert len(names) == 16
    assert names == sorted(path.name for path in (flat / "masked").iterdir())
    for name in names:
        bare, masked = (cv2.imread(str(flat / side / name)) for side in ("bare", "masked"))
        inside = np.zeros((112, 112), np.uint8)
        cv2.fillPoly(inside, [np.round(flat_polygons.outline(POINTS, 0.2)).astype(np.int32)], 1)
        assert np.array_equal(bare[inside == 0], masked[inside == 0])
        assert len(np.unique(masked[inside == 1], axis=0)) == 1


@pytest.mark.parametrize(("name", "condition"), [("bare", 0), ("one_masked", 1), ("both_masked", 2)])
def test_the_pairs_read_as_what_they_are(flat: Path, name: str, condition: int) -> None:
    context = Context(input_spec=InputSpec(112, alignment="arcface"), path=name)
    pairs = pairs_csv(context, 112, 17, path=flat / f"{name}.csv")
    assert pairs.condition.tolist() == [condition] * 8
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4
    left, right = (pairs.images[int(side[0])] for side in (pairs.left, pairs.right))
    assert Path(left.path).name == "Person_A_0001.png"
    assert Path(right.path).name == "Person_A_0002.png"
    assert Path(right.path).parent.name == ("masked" if condition else "bare")
    assert Path(left.path).parent.name == ("masked" if condition == 2 else "bare")


@pytest.mark.slow
def test_the_yardstick_prints_a_row_a_condition(lfw: Path, flat: Path, tmp_path: Path) -> None:
    import json

    import onnx
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.random.default_rng(3).normal(size=(3 * 112 * 112, 8)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 112, 112])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(matrix, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"maskrec.input_spec": '{"size": 112, "alignment": "arcface"}'})
    onnx.save(model, str(tmp_path / "net.onnx"))
    files = ("--lfw", lfw / "photos", "--landmarks", lfw / "landmarks.csv", "--pairs", lfw / "pairs.txt")
    told = run("yardstick.py", "--onnx", tmp_path / "net.onnx", *files, "--types", "n95", "--json", tmp_path / "rows")
    rows = json.loads((tmp_path / "rows").read_text())
    assert [(row["set"], row["condition"]) for row in rows] == [
        ("bare", "bare"), ("n95", "one_masked"), ("n95", "both_masked"),
    ]  # fmt: skip
    assert len(told.splitlines()) == 4
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in rows)
    told = run("yardstick.py", "--onnx", tmp_path / "net.onnx", "--csv", flat / "bare.csv", flat / "both_masked.csv")
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["bare", "both_masked"]
