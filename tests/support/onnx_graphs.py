"""Small ONNX files, good and bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE = 32
SPEC = {"size": SIDE, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "alignment": "arcface"}


def linear_model(batch: str | int = "N", nodes: Sequence[Any] = (), opset: int = 17) -> onnx.ModelProto:
    """A flatten and a matrix ``w`` of 5 columns, from ``x`` to ``y``, and other nodes before them."""
    matrix = np.random.default_rng(3).normal(size=(3 * SIDE * SIDE, 5)).astype(np.float32)
    graph = helper.make_graph(
        [*nodes, helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(matrix, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def matrix_of(model: onnx.ModelProto) -> NDArray[np.float32]:
    """The matrix of ``linear_model``."""
    return np.asarray(numpy_helper.to_array(model.graph.initializer[0]))


def write_model(path: Path, model: onnx.ModelProto, entries: Mapping[str, str]) -> Path:
    """Save it with metadata entries."""
    helper.set_model_props(model, dict(entries))
    path.write_bytes(model.SerializeToString())
    return path
