"""Runs and exported files opened as backbones, and weights taken as a start."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from run_comparison import largest_difference
from small_recipe import PIECES

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import RecipeError
from maskrec.inference.open_model import OnnxBackbone, open_backbone
from maskrec.plugin.host import discover
from maskrec.recipe.plan import Opened
from maskrec.runtime.state_tree import load_tree

Train = Callable[..., Path]
SPEC = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "alignment": "arcface"}


def write_onnx(path: Path, batch: str | int, metadata: str | None) -> np.ndarray[Any, Any]:
    """A flatten and a matrix; the matrix."""
    matrix = np.random.default_rng(3).normal(size=(3 * 32 * 32, 5)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(matrix, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {"maskrec.input_spec": metadata})
    onnx.save(model, str(path))
    return matrix


@pytest.mark.parametrize("batch", ["N", 1])
def test_an_onnx_file_embeds_as_its_graph_says(batch: str | int, tmp_path: Path) -> None:
    matrix = write_onnx(tmp_path / "net.onnx", batch, json.dumps(SPEC))
    backbone = OnnxBackbone(tmp_path / "net.onnx")
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = images.double().reshape(4, -1).numpy() @ matrix.astype(np.float64)
    assert np.allclose(backbone(images).numpy(), expected, rtol=1e-4, atol=1e-3)
    assert (backbone.embedding_size, backbone.input_spec.size, backbone.input_spec.alignment) == (5, 32, "arcface")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "does not say"),
        ("{", "cannot be used"),
        ('{"size": 32, "sizes": 1}', "cannot be used"),
        ('{"size": 0}', "cannot"),
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
    for name in ("best", "last"):
        (run / "checkpoints" / f"{name}.safetensors").unlink()
    with pytest.raises(UsageError, match="no checkpoint yet"):
        open_run_of(run)
    with pytest.raises(UsageError, match="not a run directory"):
        open_run_of(tmp_path)


def test_another_runs_backbone_is_a_start(train: Train) -> None:
    first = train("first")
    second = train("second", {"init": "./first", "optimizer": {"use": "sgd", "lr": 0.0}})
    best = load_tree(first / "checkpoints" / "best.safetensors")["backbone"]
    assert largest_difference(load_tree(second / "checkpoints" / "last.safetensors")["backbone"], best) == 0
    with pytest.raises((RecipeError, UsageError), match="does not fit"):
        train("third", {"init": "./first", "backbone": {"use": "plain", "embedding_size": 8}})
