"""The flat polygons and their pairs, and the table of the yardstick, on a small data set in LFW's layout."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from scripts import REAL_FACES, script_module
from warm_python import run_python

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.alignment import ARCFACE_POINTS
from maskrec.faces.masks import MASK_TYPES
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.plugin.host import discover
from maskrec.recipe.evaluations_only import resolve_evaluations

FACES = Path(__file__).parents[2].parent / "shared" / "faces"
PEOPLE = [f"Person_{letter}" for letter in "ABCDEFGH"]
POINTS = np.array(ARCFACE_POINTS)


flat_polygons = script_module(REAL_FACES / "flat_polygons.py")


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
    done = run_python([REAL_FACES / script, *arguments])
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


def write_network(path: Path) -> None:
    """A matrix over the pixels, as an exported file."""
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
    onnx.save(model, str(path))


def evaluate(*words: object) -> str:
    done = run_python(["-m", "maskrec", "evaluate", *words, "--workers", "0"])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_yardstick_names_every_mask_type_once() -> None:
    named = (
        resolve_evaluations(REAL_FACES / "yardstick.yaml", catalog=discover(), data_root=FACES)
        if FACES.is_dir()
        else None
    )
    plain = yaml.safe_load((REAL_FACES / "yardstick.yaml").read_text())["evaluate"]
    assert list(plain) == ["bare", *MASK_TYPES]
    for label, evaluator in plain.items():
        assert (evaluator["use"], evaluator["fars"], evaluator["pairs"]["use"]) == ("verification", [0.01], "lfw_pairs")
        worn = {name: evaluator["pairs"].get(name) for name in ("masks", "types")}
        assert worn == (
            {"masks": None, "types": None} if label == "bare" else {"masks": ["one", "both"], "types": [label]}
        )
    if FACES.is_dir():
        named = resolve_evaluations(REAL_FACES / "yardstick.yaml", catalog=discover(), data_root=FACES)
        assert list(named.evaluate) == list(plain)


def test_the_yardstick_measures_a_row_a_condition(lfw: Path, flat: Path, tmp_path: Path) -> None:
    write_network(tmp_path / "net.onnx")
    root = tmp_path / "faces"
    shutil.copytree(lfw / "photos", root / "lfw")
    shutil.copy(lfw / "pairs.txt", root / "lfw_pairs.txt")
    (root / "lfw_landmarks.csv").write_text((lfw / "landmarks.csv").read_text().replace("photos/", "lfw/"))
    without = [f"evaluate.{name}=null" for name in MASK_TYPES if name != "n95"]
    words = (tmp_path / "net.onnx", REAL_FACES / "yardstick.yaml", "--data-root", root)
    said = evaluate(*words, *without, "--out", tmp_path / "model")
    found = json.loads((tmp_path / "model" / "result.json").read_text())["evaluate"]
    rows = {label: {row["condition"]: row for row in each["tables"]["accuracy"]} for label, each in found.items()}
    assert {label: sorted(each) for label, each in rows.items()} == {
        "bare": ["all", "bare"], "n95": ["all", "both_masked", "one_masked"],
    }  # fmt: skip
    for each in (row for conditions in rows.values() for row in conditions.values()):
        assert each["low"] <= each["accuracy"] <= each["high"]
        assert f"{each['accuracy']:.4f} +- {each['standard_deviation']:.4f} [{each['low']:.4f}, " in said
    again = evaluate(*words, *[f"evaluate.{name}=null" for name in MASK_TYPES], "--out", tmp_path / "bare")
    assert json.loads((tmp_path / "bare" / "result.json").read_text())["evaluate"]["bare"] == found["bare"]
    assert "n95" not in again


def test_pairs_of_aligned_faces_are_measured_by_their_file(flat: Path, tmp_path: Path) -> None:
    write_network(tmp_path / "net.onnx")
    evaluate(tmp_path / "net.onnx", REAL_FACES / "flat_polygons.yaml", "--data-root", flat, "--out", tmp_path / "model")
    found = json.loads((tmp_path / "model" / "result.json").read_text())["evaluate"]
    assert {label: each["tables"]["accuracy"][-1]["condition"] for label, each in found.items()} == {
        name: name for name in ("bare", "one_masked", "both_masked")
    }
