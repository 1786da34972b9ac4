"""Runs and exported files opened as backbones, and weights taken as a start."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx import TensorProto, helper
from onnx_graphs import SPEC, linear_model, matrix_of, write_model
from run_comparison import largest_difference
from safetensors.torch import save_file
from small_recipe import PIECES

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import RecipeError
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.evaluating.evaluated_subject import open_subject
from maskrec.inference.exported.onnx_backbone import OnnxBackbone
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.open_face_model import open_face_model
from maskrec.inference.open_model import open_backbone, open_model
from maskrec.inference.unfinished_run import weights_changed
from maskrec.plugin.host import discover
from maskrec.recipe.plan import Opened
from maskrec.runtime.state_tree import load_tree, save_tree

Train = Callable[..., Path]
HOLD = """
import sys
from pathlib import Path
from maskrec.runtime.run_directory import RunDirectory
run = RunDirectory(Path(sys.argv[1]))
run.lock()  # released with the object
print("held", flush=True)
sys.stdin.read()
"""


def write_onnx(path: Path, batch: str | int, metadata: str | None) -> np.ndarray[Any, Any]:
    """A flatten and a matrix; the matrix."""
    model = linear_model(batch)
    write_model(path, model, {} if metadata is None else {"maskrec.input_spec": metadata})
    return matrix_of(model)


@pytest.mark.parametrize("batch", ["N", 1])
def test_an_onnx_file_embeds_as_its_graph_says(batch: str | int, tmp_path: Path) -> None:
    matrix = write_onnx(tmp_path / "net.onnx", batch, json.dumps(SPEC))
    backbone = OnnxBackbone(tmp_path / "net.onnx")
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = images.double().reshape(4, -1).numpy() @ matrix.astype(np.float64)
    assert np.allclose(backbone(images).numpy(), expected, rtol=1e-4, atol=1e-3)
    assert (backbone.embedding_size, backbone.input_spec.size, backbone.input_spec.alignment) == (5, 32, "arcface")
    assert backbone.network.session.get_providers()[-1] == "CPUExecutionProvider"
    assert set(backbone.network.session.get_providers()) <= {"CUDAExecutionProvider", "CPUExecutionProvider"}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "does not say"),
        ("{", "cannot be used"),
        ('{"size": 32, "sizes": 1}', "cannot be used"),
        ('{"size": 0}', "cannot"),
        ("[32]", "cannot be used"),
        ("[" * 100_000, "cannot be used"),
        ('{"size": "32"}', "cannot be used"),
        ('{"size": 32, "mean": 0.5}', "cannot be used"),
        ('{"size": 32, "std": ["a", "b", "c"]}', "cannot be used"),
        ('{"size": 32, "mean": [NaN, 0, 0]}', "cannot be used"),
        ('{"size": 32, "mean": [1' + "0" * 400 + ", 0, 0]}", "cannot be used"),
        ('{"size": true}', "cannot be used"),
        ('{"size": 1000000}', "the largest canvas has 2048"),
        ('{"size": 32, "color": "\\ud800"}', "cannot be used"),
        ('{"size": 112}', r"its graph takes float \(1, 3, 32, 32\), and a face network .*, float \(N, 3, 112, 112\)"),
    ],
)
def test_an_onnx_file_without_usable_metadata_is_refused(metadata: str | None, message: str, tmp_path: Path) -> None:
    write_onnx(tmp_path / "net.onnx", 1, metadata)
    with pytest.raises(UsageError, match=message):
        OnnxBackbone(tmp_path / "net.onnx")


def test_files_that_are_not_onnx_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"not a graph")
    with pytest.raises(UsageError, match="not an ONNX file"):
        OnnxBackbone(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match="does not exist"):
        OnnxBackbone(tmp_path / "absent.onnx")

    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "zero.onnx").symlink_to("/dev/zero")
    for name, kind in (("pipe", "a named pipe"), ("zero", "a device")):
        with pytest.raises(UsageError, match=f"it is {kind}, not a regular file"):
            OnnxBackbone(tmp_path / f"{name}.onnx")


@pytest.mark.parametrize(
    ("nodes", "inputs", "outputs", "message"),
    [
        ([("Flatten", "x", "y")], {"x": ["N", 3, "H", "W"]}, {"y": ["N", "d"]}, r"its graph returns float \(N, d\)"),
        ([("Identity", "x", "y")], {"x": ["N", 3, 32, 32]}, {"y": ["N", 3, 32, 32]}, "face network returns embeddings"),
        ([("Flatten", "x", "y"), ("Flatten", "x", "z")], {"x": [1, 3, 32, 32]}, {"y": [1, 3072], "z": [1, 3072]},
         "face network returns embeddings"),
        ([("Flatten", "x", "y")], {"x": ["N", 32, 32, 3]}, {"y": ["N", 3072]}, "face network takes images"),
        ([("Flatten", "x", "y")], {"x": ["N", 3072]}, {"y": ["N", 3072]}, "face network takes images"),
        ([("Flatten", "x", "y")], {"x": ["N", 3, 32, 32], "u": [1]}, {"y": ["N", 3072]}, "face network takes images"),
    ],
)  # fmt: skip
def test_graphs_of_another_form_are_refused(
    nodes: list[tuple[str, str, str]], inputs: Any, outputs: Any, message: str, tmp_path: Path
) -> None:
    def described(shapes: Any) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    made = [helper.make_node(kind, [before], [after]) for kind, before, after in nodes]
    graph = helper.make_graph(made, "net", described(inputs), described(outputs))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"maskrec.input_spec": json.dumps(SPEC)})
    onnx.save(model, str(tmp_path / "net.onnx"))
    with pytest.raises(UsageError, match=message):
        OnnxBackbone(tmp_path / "net.onnx")


def test_a_graph_that_returns_something_else_than_it_announces_is_a_sentence(tmp_path: Path) -> None:
    write_onnx(tmp_path / "net.onnx", "N", json.dumps(SPEC))
    backbone = OnnxBackbone(tmp_path / "net.onnx")
    with pytest.raises(MaskrecError, match=r"net\.onnx: on \(2, 3, 8, 8\) its graph fails"):
        backbone(torch.zeros(2, 3, 8, 8))
    backbone.network.embedding_size = 7
    with pytest.raises(MaskrecError, match=r"returns \(2, 5\) for 2 images, not \(2, 7\)"):
        backbone(torch.zeros(2, 3, 32, 32))


def _copy(run: Path, name: str) -> Path:
    return Path(shutil.copytree(run, run.parent / name, dirs_exist_ok=True))


def _refusal(run: Path) -> str:
    with pytest.raises(UsageError) as caught:
        open_model(run, discover([PIECES]))
    return str(caught.value)


def test_a_run_of_somebody_else_is_opened_or_refused_in_a_sentence(train: Train) -> None:
    """In one test, because a run takes seconds."""
    run = train("run")
    _check_circles(run)
    for part, content in [
        ("backbone", {"x": 1}),
        ("backbone", [1]),
        ("evaluations", []),
        ("evaluations", None),
        ("evaluations", {"a": {"thresholds": {}}}),
        ("evaluations", {"a": {"metrics": {}, "tables": {}, "thresholds": {"t": {"value": "x"}}}}),
        ("ema", 3),
    ]:
        changed = _copy(run, "changed") / "checkpoints" / "best.safetensors"
        save_tree({**load_tree(changed), part: content}, changed)
        assert f"its '{part}' has another form" in _refusal(run.parent / "changed")
        _copy(run, "changed")
    for text in [
        "[]",
        "3",
        "{",
        "[" * 100_000,
        '{"data_root": 5}',
        '{"data_root": ".", "name": "\\ud800"}',
        '{"data_root": ".", "run_id": []}',
        '{"data_root": ".", "demo": "yes"}',
        "{}",
    ]:
        (_copy(run, "changed") / "provenance.json").write_text(text)
        assert _refusal(run.parent / "changed").endswith("the run directory is damaged")
    for name in ("provenance.json", "recipe.yaml", "checkpoints/best.safetensors"):
        for kind in ("pipe", "zero"):
            changed = _copy(run, f"{kind}-{name.replace('/', '-')}")
            (changed / name).unlink()
            os.mkfifo(changed / name) if kind == "pipe" else (changed / name).symlink_to("/dev/zero")
            assert re.search("not a regular file|is not a run directory", _refusal(changed))


def _check_circles(run: Path) -> None:
    first, second = _copy(run, "first"), _copy(run, "second")
    for path, other in ((first, second), (second, first)):
        recipe = yaml.safe_load((path / "recipe.yaml").read_text())
        (path / "recipe.yaml").write_text(yaml.safe_dump({**recipe, "backbone": {"run": str(other)}}))
    assert f"the run opens itself ({first} opens {second} opens {first})" in _refusal(first)
    shutil.copy(second / "recipe.yaml", first / "recipe.yaml")
    assert f"the run opens itself ({first} opens {first})" in _refusal(first)


def open_run_of(run: Path) -> torch.nn.Module:
    opened = Opened("run", run, "backbone")
    return open_backbone(opened, catalog=discover([PIECES]), data_root=Path())


def test_a_run_opens_with_its_best_weights_frozen(train: Train) -> None:
    run = train("run")
    backbone = open_run_of(run)
    best = load_tree(run / "checkpoints" / "best.safetensors")["backbone"]
    assert largest_difference(dict(backbone.state_dict()), best) == 0
    assert not backbone.training
    assert not any(weight.requires_grad for weight in backbone.parameters())


def test_a_run_that_has_lost_its_plugin_or_its_checkpoint_is_refused_in_a_sentence(
    train: Train, tmp_path: Path
) -> None:
    run = train("run")
    with pytest.raises(RecipeError, match=r"--plugin pieces\.py"):
        open_backbone(Opened("run", run, "backbone"), catalog=discover(), data_root=Path())
    for name in ("best", "last", "previous"):
        (run / "checkpoints" / f"{name}.safetensors").unlink()
    with pytest.raises(UsageError, match=r"had a checkpoint and it is gone; put its files back into .*/checkpoints"):
        open_run_of(run)
    with pytest.raises(UsageError, match="not a run directory"):
        open_run_of(tmp_path)


@pytest.mark.parametrize("start", [True, False])
def test_a_run_killed_before_its_first_checkpoint_is_continued_and_not_opened(train: Train, start: bool) -> None:
    run = train("run", None, "train.epochs=1", "train.checkpoint_every=1")
    record = json.loads((run / "provenance.json").read_text())
    del record["first_checkpoint"]
    (run / "provenance.json").write_text(json.dumps(record))
    state = load_tree(run / "checkpoints" / "last.safetensors")
    for name in ("best", "last", "previous"):
        (run / "checkpoints" / f"{name}.safetensors").unlink()
    if start:
        kept = {**state, "position": {**state["position"], "step": 0}}
        save_tree(kept, run / "checkpoints" / "previous.safetensors")
    with pytest.raises(UsageError) as caught:
        open_run_of(run)
    words = f"{run} has no checkpoint of a finished step yet; continue it with: maskrec resume {run}"
    assert str(caught.value) == words


def test_a_run_whose_start_is_gone_opens_with_its_own_weights(train: Train, tmp_path: Path) -> None:
    network = {"use": "timm", "model": "test_resnet", "neck": "linear_bn", "embedding_size": 8}
    first = train("first", {"backbone": network})
    kept = first / "checkpoints" / "best.safetensors"
    weights = {key.removeprefix("trunk."): value for key, value in load_tree(kept)["backbone"].items()}
    save_file({key: value for key, value in weights.items() if "neck" not in key}, tmp_path / "start.safetensors")
    second = train("second", {"backbone": {**network, "pretrained": "start.safetensors"}})
    (tmp_path / "start.safetensors").unlink()
    assert open_model(second, discover([PIECES])).spec == open_model(first, discover([PIECES])).spec


def test_another_runs_backbone_is_a_start(train: Train) -> None:
    first = train("first")
    second = train("second", {"init": "./first", "optimizer": {"use": "sgd", "lr": 0.0}})
    best = load_tree(first / "checkpoints" / "best.safetensors")["backbone"]
    assert largest_difference(load_tree(second / "checkpoints" / "last.safetensors")["backbone"], best) == 0
    with pytest.raises((RecipeError, UsageError), match="does not fit"):
        train("third", {"init": "./first", "backbone": {"use": "plain", "embedding_size": 8}})


VERIFICATION = {
    "held_out": {
        "use": "verification",
        "pairs": {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 40},
    }
}


def test_a_runs_model_has_the_thresholds_of_its_best_weights_and_no_others(train: Train) -> None:
    run = train("run", {"evaluate": VERIFICATION})
    model = open_model(run, discover([PIECES]))
    said = json.loads((run / "checkpoints" / "best.thresholds.json").read_text())["thresholds"]["held_out"]
    assert said
    assert model.thresholds == {f"held_out.{name}": Threshold(**fields) for name, fields in said.items()}
    assert (model.spec.size, model.origin) == (32, f"{run}, best weights")
    assert not model.network.training
    assert not any(weight.requires_grad for weight in model.network.parameters())
    (run / "checkpoints" / "best.safetensors").unlink()
    last = open_model(run, discover([PIECES]))
    assert (last.thresholds, last.origin) == (None, f"{run}, last weights")
    kept = load_tree(run / "checkpoints" / "last.safetensors")
    assert largest_difference(dict(last.network.state_dict()), kept["backbone"]) == 0
    assert kept["evaluations"]["held_out"]["thresholds"]


def test_the_last_weights_of_a_run_with_a_moving_average_are_the_average(train: Train) -> None:
    run = train("run", None, "train.ema=0.5")
    (run / "checkpoints" / "best.safetensors").unlink()
    kept = load_tree(run / "checkpoints" / "last.safetensors")
    opened = dict(open_model(run, discover([PIECES])).network.state_dict())
    assert largest_difference(opened, kept["ema"]) == 0
    assert largest_difference(opened, kept["backbone"]) > 0


def test_weights_of_another_shape_are_refused(train: Train) -> None:
    run = train("run")
    recipe = run / "recipe.yaml"
    assert "embedding_size: 16" in recipe.read_text()
    recipe.write_text(recipe.read_text().replace("embedding_size: 16", "embedding_size: 8"))
    with pytest.raises(UsageError, match=r"best\.safetensors does not fit"):
        open_model(run, discover([PIECES]))


def test_one_opener_for_a_file_and_a_recipe_that_names_it(tmp_path: Path) -> None:
    write_onnx(tmp_path / "net.onnx", "N", json.dumps(SPEC))
    (tmp_path / "recipe.yaml").write_text("backbone: {file: net.onnx}\n")
    images = torch.rand(2, 3, 32, 32)
    file = open_model(tmp_path / "net.onnx", discover())
    named = open_model(tmp_path / "recipe.yaml", discover(), tmp_path)
    assert torch.equal(file.network(images), named.network(images))
    assert file.spec == named.spec
    assert (file.thresholds, file.origin) == (None, str(tmp_path / "net.onnx"))
    assert named.origin == f"the backbone of {tmp_path / 'recipe.yaml'}"


def test_what_is_not_a_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"x")
    (tmp_path / "random.yaml").write_text("backbone: {use: plain}\n")
    for name, message in [
        ("absent.onnx", "absent.onnx does not exist; name a run directory"),
        ("weights.pt", "is not a model; name a run directory"),
        ("random.yaml", f"the backbone of {tmp_path / 'random.yaml'} starts from random weights, by which"),
        (".", "is not a run directory and not a model folder; name a run directory"),
    ]:
        with pytest.raises(UsageError, match=re.escape(message)):
            open_model(tmp_path / name, discover([PIECES]))


def test_open_names_every_form_of_a_model_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    catalog = discover([PIECES])
    forms = (
        "name a run directory (with recipe.yaml), a model folder (with model.json), an .onnx file, a recipe (.yaml) or "
        "a backbone with weights (its name, or {use: NAME, ...})"
    )
    for where in (tmp_path, tmp_path / "photo.jpg", tmp_path / "absent"):
        with pytest.raises(UsageError) as caught:
            open_face_model(where, catalog=catalog)
        assert str(caught.value).startswith(str(where))
        assert str(caught.value).endswith(forms)


def test_a_backbone_of_random_weights_is_said_once() -> None:
    with pytest.raises(UsageError) as caught:
        open_face_model({"use": "plain"}, catalog=discover([PIECES]))
    said = str(caught.value)
    assert said.startswith("the backbone plain starts from random weights, by which faces cannot be compared; ")
    assert said.count("backbone") == 1


def test_a_run_that_is_still_training_opens_with_its_weights_so_far_and_wrong_thresholds_do_not(train: Train) -> None:
    """In one test, because a run takes seconds."""
    run, catalog = train("run"), discover([PIECES])
    assert open_face_model(run, catalog=catalog, device="cpu").notes == ()
    (run / "result.json").unlink()
    for checkpoint in ("best", "last"):
        (note,) = open_face_model(run, checkpoint=checkpoint, catalog=catalog, device="cpu").notes  # type: ignore[arg-type]
        assert note.startswith(f"{run} stopped before its end: these are its {checkpoint} weights")
        assert note.endswith(f"; `maskrec resume {run}` continues it")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    (note,) = open_face_model(run, catalog=catalog, device="cpu").notes
    assert note.startswith(f"{run} is still training (process {holder.pid} on ")
    assert "): these are its best weights so far" in note
    assert "resume" not in note
    said = str(weights_changed(run))
    assert said.startswith(f"{run} is still training (process {holder.pid} on ")
    assert "wait until it has finished" in said
    holder.stdin.close()
    assert holder.wait(60) == 0
    holder.stdout.close()
    (note,) = open_face_model(run, catalog=catalog, device="cpu").notes
    assert note.startswith(f"{run} stopped before its end")
    assert "still training" not in str(weights_changed(run))

    best = run / "checkpoints" / "best.safetensors"
    state = load_tree(best)
    fields = {"value": 0.5, "distance": "l2", "normalize": True, "source": "x", "far": None, "collapsed": False}
    for change, said in [({"distance": "hamming"}, "of the distance 'hamming'"), ({"value": 3.0}, "within 0 to 2.0")]:
        evaluations = {"a": {"metrics": {}, "tables": {}, "thresholds": {"t": {**fields, **change}}}}
        save_tree({**state, "evaluations": evaluations}, best)
        assert said in _refusal(run)


def test_an_exported_file_is_opened_with_the_decisions_that_it_states(tmp_path: Path) -> None:
    stored = {"lfw.far=0.01": Threshold(0.3, "squared_l2", True, "ten people", 0.01)}
    entries = metadata_entries(OnnxMetadata(InputSpec(32, alignment="arcface"), Decisions(stored)))
    path = write_model(tmp_path / "net.onnx", linear_model(), entries)
    for model in (open_model(path, discover()), open_subject(path, discover()).model):
        assert model.thresholds == stored
        assert model.decisions is not None
        assert model.decisions.stated_by == "the file"


NORMED = {"use": "timm", "model": "test_resnet", "embedding_size": 16, "neck": "linear_bn"}


def test_an_opened_backbone_is_frozen_while_a_run_trains_with_it(train: Train) -> None:
    """Its batch norms too: their statistics are what the thresholds of the run hold for."""
    first = train("first", {"backbone": NORMED})
    second = train("second", {"backbone": {"run": "./first"}, "data": {"use": "synthetic_faces", "identities": 5}})
    best = load_tree(first / "checkpoints" / "best.safetensors")["backbone"]
    assert any(name.endswith("running_mean") for name in best)
    for name in ("best", "last"):
        state = load_tree(second / "checkpoints" / f"{name}.safetensors")
        assert largest_difference(state["backbone"], best) == 0
    assert largest_difference(dict(open_model(second, discover([PIECES])).network.state_dict()), best) == 0


def test_a_run_with_an_opened_backbone_is_opened_with_the_weights_that_it_was_measured_with(train: Train) -> None:
    """Another run may be in the folder that it came from."""
    first = train("first")
    second = train("second", {"backbone": {"run": "./first"}})
    measured = load_tree(second / "checkpoints" / "best.safetensors")["backbone"]
    shutil.rmtree(first)
    train("longer", None, "train.epochs=3").rename(first)
    assert largest_difference(dict(open_run_of(first).state_dict()), measured) > 0
    assert largest_difference(dict(open_run_of(second).state_dict()), measured) == 0
