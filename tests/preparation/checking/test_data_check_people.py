"""``data check --model``: people found by their faces, whatever the model is given as."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from command_line import Told
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import RecipeError
from maskrec.images.canvas import to_canvas
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.plugin.host import discover
from maskrec.preparation.checking import shared_faces
from maskrec.preparation.checking.people_embeddings import FacesOnCanvas, photos_of_people
from maskrec.preparation.checking.shared_faces import alike
from maskrec.preparation.face_sets import open_sets
from maskrec.recipe.backbone_only import resolve_backbone

SIZE = 16

PLUGIN = '''
from maskrec import Component, hookimpl
from maskrec.contracts.input_spec import InputSpec
from torch import nn


class Colours(nn.Module):
    """Mean colours of quarters.

    Args:
        context: the runner's.
    """

    embedding_size = 12
    input_spec = InputSpec(size=16)

    def __init__(self, context=None):
        super().__init__()

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


@hookimpl
def maskrec_backbones():
    return [Component("colours", ":Colours", "Mean colours of quarters.")]
'''


def save(path: Path, person: int, photo: int) -> None:
    """Photos of one person have like colours; no two are alike to a perceptual hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(person).integers(20, 235, (2, 2, 3)).astype(np.float32)
    noise = np.random.default_rng(1000 + photo * 100 + person).normal(0, 40, (64, 64, 3))
    cv2.imwrite(str(path), np.clip(cv2.resize(colours, (64, 64)) + noise, 0, 255).astype(np.uint8))


@pytest.fixture
def two_sets(tmp_path: Path) -> Path:
    """Person 2 of the training set is called Zoe in the test set."""
    for person in range(4):
        for photo in range(3):
            save(tmp_path / "train" / f"P{person}" / f"{photo}.png", person, photo)
    for name, person in (("Zoe", 2), ("Yan", 7)):
        save(tmp_path / "test" / name / "0.png", person, 50)
    return tmp_path


def export(path: Path, metadata: bool = True) -> Path:
    pool = helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8])
    flat = helper.make_node("Flatten", ["pooled"], ["embedding"])
    graph = helper.make_graph(
        [pool, flat], "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 12])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata:
        entry = model.metadata_props.add()
        entry.key, entry.value = "maskrec.input_spec", json.dumps({"size": SIZE})
    onnx.save(model, str(path))
    return path


def test_a_person_of_another_name_is_found_by_file_and_by_recipe(two_sets: Path, command: Callable[..., Told]) -> None:
    export(two_sets / "m.onnx")
    (two_sets / "p.py").write_text(PLUGIN)
    (two_sets / "r.yaml").write_text(
        "backbone: {use: colours}\ndata: {use: image_folder, path: not/there}\nloss: {use: nonsense}\n"
    )
    answers = []
    for model in (["m.onnx"], ["r.yaml", "--plugin", "p.py"]):
        words = ["--train", "train", "--test", "test", "--cosine", "0.97", "--json", "--model", *model]
        told = command("data", "check", *words, cwd=two_sets)
        assert told.returncode == 1, told.stderr
        (problem,) = json.loads(told.stdout)["findings"]
        assert (problem["severity"], problem["kind"], problem["people"]) == ("error", "in_both_by_face", ["P2", "Zoe"])
        answers.append(problem["value"])
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    clean = command("data", "check", "--test", "test", "--cosine", "0.97", "--model", "m.onnx", cwd=two_sets)
    assert clean.returncode == 0, clean.stdout


def test_photos_with_landmarks_are_compared_but_those_without(two_sets: Path, command: Callable[..., Told]) -> None:
    export(two_sets / "m.onnx")
    photos = sorted(file.relative_to(two_sets).as_posix() for file in two_sets.glob("t*/*/*.png"))
    points = (20, 28, 44, 28, 32, 40, 22, 50, 42, 50)
    for missing, kinds in (("P1/0.png", {"landmarks", "in_both_by_face"}), ("Zoe/0.png", {"landmarks"})):
        rows = [(photo, *points) for photo in photos if not photo.endswith(missing)]
        with (two_sets / "points.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", *LANDMARK_COLUMNS), *rows])
        words = ["--train", "train", "--test", "test", "--cosine", "0.97", "--json", "--model", "m.onnx"]
        told = command("data", "check", *words, "--landmarks", "points.csv", cwd=two_sets)
        assert told.returncode == 1, told.stderr
        assert {problem["kind"] for problem in json.loads(told.stdout)["findings"]} == kinds


def test_a_row_of_landmarks_that_is_wrong_is_found(two_sets: Path, command: Callable[..., Told]) -> None:
    photos = sorted(file.relative_to(two_sets).as_posix() for file in two_sets.glob("train/*/*.png"))
    points = (20, 28, 44, 28, 32, 40, 22, 50, 42, 50)
    with (two_sets / "points.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", *LANDMARK_COLUMNS), *((photo, *points) for photo in photos)])
        csv.writer(file).writerow(("train/more.png", "wide", *points[1:]))
    told = command("data", "check", "train", "--json", "--landmarks", "points.csv", cwd=two_sets)
    assert told.returncode == 1, told.stderr
    found = json.loads(told.stdout)["findings"]
    assert [problem["kind"] for problem in found] == ["landmarks"]
    assert "wide" in found[0]["message"]


def test_models_that_cannot_be_opened(two_sets: Path, command: Callable[..., Told]) -> None:
    export(two_sets / "bare.onnx", metadata=False)
    (two_sets / "text.onnx").write_text("x")
    (two_sets / "r.yaml").write_text("loss: {use: arcface}\n")
    (two_sets / "m.pt").write_text("x")
    for name, said in [
        ("bare.onnx", "maskrec.input_spec"), ("text.onnx", "not an ONNX file"), ("r.yaml", "no `backbone`"),
        ("m.pt", "m.pt is not a model"), ("absent", "absent does not exist; name"), ("train", "not a run directory"),
    ]:  # fmt: skip
        told = command("data", "check", "train", "--model", name, cwd=two_sets)
        assert told.returncode == 2
        assert said in told.stderr
        assert "Traceback" not in told.stderr


def test_an_untrained_network_is_not_used_to_compare_people(two_sets: Path, command: Callable[..., Told]) -> None:
    (two_sets / "random.yaml").write_text(
        "image_size: 112\nbackbone: {use: inception_resnet_v1, pretrained: null}\ndata: {use: image_folder, path: x}\n"
    )
    told = command("data", "check", "train", "--model", "random.yaml", cwd=two_sets)
    assert told.returncode == 2
    assert "random.yaml starts from random weights" in told.stderr


def test_settings_of_a_model_that_is_not_there(two_sets: Path, command: Callable[..., Told]) -> None:
    for words in (["--cosine", "0.5"], ["--photos-each", "3"]):
        told = command("data", "check", "train", *words, cwd=two_sets)
        assert told.returncode == 2
        assert "name one with --model" in told.stderr


def test_a_recipe_is_asked_for_its_backbone_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("seed: 5\nimage_size: 96\nbackbone: {use: inception_resnet_v1, pretrained: null}\nnonsense: 1\n")
    named = resolve_backbone(path, catalog=discover(()))
    assert (named.seed, named.image_size) == (5, 96)
    path.write_text("backbone: {use: inception_resnet_v1, dropout: much}\n")
    with pytest.raises(RecipeError, match="dropout"):
        resolve_backbone(path, catalog=discover(()))
    path.write_text("backbone: {use: inception_resnet}\n")
    with pytest.raises(RecipeError, match="inception_resnet_v1"):
        resolve_backbone(path, catalog=discover(()))
    path.write_text("backbone: {file: gone.onnx}\n")
    with pytest.raises(RecipeError, match=r"gone\.onnx"):
        resolve_backbone(path, catalog=discover(()))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**32), st.booleans(), st.integers(1, 5))
def test_blocks_find_what_loops_find(rows: int, columns: int, seed: int, one_set: bool, block: int) -> None:
    generator = np.random.default_rng(seed)
    left = generator.normal(size=(rows, 3)).astype(np.float32)
    right = left if one_set else generator.normal(size=(columns, 3)).astype(np.float32)
    before, shared_faces.BLOCK = shared_faces.BLOCK, block
    try:
        found = alike(left, right, 0.5, one_set)
    finally:
        shared_faces.BLOCK = before
    expected = {
        (i, j)
        for i in range(len(left))
        for j in range(len(right))
        if (i < j or not one_set) and sum(float(a) * float(b) for a, b in zip(left[i], right[j], strict=True)) >= 0.5
    }
    assert set(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected
    assert len(found[0]) == len(expected)


def test_a_cosine_of_exactly_the_least_is_alike() -> None:
    rows = np.array([[1, 0], [0.5, 0], [0, 1]], np.float32)
    found = alike(rows, rows, 0.5, one_set=True)
    assert [each.tolist() for each in found] == [[0], [1], [0.5]]


def test_photos_of_a_person_are_spread_evenly(two_sets: Path) -> None:
    for photo in range(3, 10):
        save(two_sets / "train" / "P0" / f"{photo}.png", 0, photo)
    (faces,) = open_sets(two_sets / "train")
    usable = np.ones(len(faces), np.bool_)
    usable[0] = False
    chosen = photos_of_people(faces, usable, 3)
    assert chosen["p0"] == [1, 4, 7]
    assert [len(photos) for photos in chosen.values()] == [3, 3, 3, 3]


@pytest.mark.parametrize("alignment", ["none", "box", "arcface"])
def test_photos_reach_the_network_as_to_canvas_brings_them_and_workers_too(two_sets: Path, alignment: str) -> None:
    """A loader's worker gets a pickle where processes are spawned."""
    (faces,) = open_sets(two_sets / "train")
    points = np.random.default_rng(0).uniform(8, 56, (len(faces), 5, 2)).astype(np.float32)
    spec, chosen = InputSpec(SIZE, alignment=alignment), [7, 2, 11]  # type: ignore[arg-type]
    for landmarks in (None, points):
        faces.landmarks = landmarks
        samples = pickle.loads(pickle.dumps(FacesOnCanvas(faces, chosen, spec)))
        assert len(samples) == 3
        for place, index in enumerate(chosen):
            photo = cv2.imread(faces.photo(index))[:, :, ::-1]
            given_points = None if landmarks is None else landmarks[index].astype(np.float64)
            expected, _ = to_canvas(np.ascontiguousarray(photo), given_points, SIZE, alignment)  # type: ignore[arg-type]
            assert samples[place].path == faces.photo(index)
            assert np.array_equal(samples[place].image.numpy(), expected.numpy())
