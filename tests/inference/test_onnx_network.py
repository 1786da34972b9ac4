"""An ONNX file embeds aligned faces as its graph says, in bounded memory and without torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import SIDE, SPEC, linear_model, matrix_of, write_model

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise
from maskrec.inference.exported import onnx_session
from maskrec.inference.exported.onnx_network import OnnxNetwork

ROOT = Path(__file__).parents[2]
STATISTICS = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def canvases(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("batch", ["N", 1])
def test_aligned_faces_are_normalized_and_embedded(color: str, batch: str | int, tmp_path: Path) -> None:
    """Against float64 by hand; 70 faces are three runs of the graph."""
    model = linear_model(batch)
    spec = {**SPEC, **STATISTICS, "color": color}
    network = OnnxNetwork(write_model(tmp_path / "net.onnx", model, {"maskrec.input_spec": json.dumps(spec)}))
    faces = canvases(70)
    channels = faces[..., ::-1] if color == "bgr" else faces
    images = (channels / 255 - np.array(STATISTICS["mean"])) / np.array(STATISTICS["std"])
    expected = images.transpose(0, 3, 1, 2).reshape(70, -1) @ matrix_of(model).astype(np.float64)
    found = network.embed(faces)
    assert (found.dtype, found.shape, network.embedding_size) == (np.float32, (70, 5), 5)
    assert np.allclose(found, expected, rtol=1e-4, atol=2e-3)
    assert network.embed(faces[:0]).shape == (0, 5)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_faces_are_normalized_to_the_bits_that_torch_gives(color: str, tmp_path: Path) -> None:
    spec = {**SPEC, **STATISTICS, "color": color}
    network = OnnxNetwork(write_model(tmp_path / "net.onnx", linear_model(), {"maskrec.input_spec": json.dumps(spec)}))
    faces = canvases(3)
    images = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    expected = normalise(images, InputSpec(SIDE, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), color))  # type: ignore[arg-type]
    assert np.array_equal(network.normalized(faces), expected.numpy())


@pytest.fixture
def network(tmp_path: Path) -> OnnxNetwork:
    entries = {"maskrec.input_spec": json.dumps(SPEC), "maskrec.licence": "MIT"}
    return OnnxNetwork(write_model(tmp_path / "net.onnx", linear_model(), entries))


def test_a_file_says_what_it_is(network: OnnxNetwork) -> None:
    assert (network.metadata.licence, network.metadata.decisions.stated_by) == ("MIT", "the file")
    assert network.input_spec == InputSpec(SIDE, (0.5,) * 3, (0.25,) * 3, "rgb", "arcface")


@pytest.mark.parametrize(
    "wrong",
    [canvases(1).astype(np.float32), canvases(1)[0], canvases(1)[:, :16], canvases(1).transpose(0, 3, 1, 2)],
    ids=["floats", "one face", "another size", "planes"],
)
def test_faces_of_another_form_are_refused(network: OnnxNetwork, wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"expected aligned faces as uint8 \(n, 32, 32, 3\), not"):
        network.embed(wrong)


def test_embeddings_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = linear_model()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((3072, 5), np.inf, np.float32), "w"))
    network = OnnxNetwork(write_model(tmp_path / "net.onnx", model, {"maskrec.input_spec": json.dumps(SPEC)}))
    with pytest.raises(MaskrecError, match="embeddings are not finite"):
        network.embed(canvases(1))


def test_a_graph_that_asks_for_too_much_memory_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    """1 TB of zeros from a hundred bytes: neither while the session is made nor in a run is it there."""
    shape = numpy_helper.from_array(np.array([1 << 38], np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["z"]),
    ]
    model = linear_model(nodes=nodes)
    model.graph.initializer.append(shape)
    model.graph.node[3].input[0] = "z"
    network = OnnxNetwork(write_model(tmp_path / "net.onnx", model, {"maskrec.input_spec": json.dumps(SPEC)}))
    with pytest.raises(MaskrecError, match=r"its graph needs more memory than .* half of this machine's"):
        network.embed(canvases(1))


def test_threads_are_those_that_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_model(tmp_path / "net.onnx", linear_model(), {"maskrec.input_spec": json.dumps(SPEC)})

    def threads(asked: int | None = None) -> int:
        return int(OnnxNetwork(path, threads=asked).session.get_session_options().intra_op_num_threads)

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (threads(), threads(2)) == (3, 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "none")
    assert threads() == onnx_session.usable_processors()


def test_an_opset_that_onnxruntime_does_not_know_is_a_sentence(tmp_path: Path) -> None:
    path = write_model(tmp_path / "net.onnx", linear_model(opset=999), {"maskrec.input_spec": json.dumps(SPEC)})
    with pytest.raises(
        UsageError, match=r"net\.onnx is of an opset that onnxruntime [\d.]+ does not know; update"
    ) as caught:
        OnnxNetwork(path)
    assert "\n" not in str(caught.value)


def test_without_onnxruntime_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_model(tmp_path / "net.onnx", linear_model(), {"maskrec.input_spec": json.dumps(SPEC)})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"net\.onnx needs onnxruntime; pip install 'maskrec\[onnx\]'"):
        OnnxNetwork(path)


NOT_IMPORTED = ("torch", "torchvision", "timm", "facenet_pytorch", "sklearn", "pandas", "cv2", "onnx", "pydantic")
EMBEDS = """
import sys
from pathlib import Path
import numpy as np
from maskrec.inference.exported.onnx_network import OnnxNetwork
network = OnnxNetwork(Path(sys.argv[1]))
rows = network.embed(np.zeros((2, 32, 32, 3), np.uint8))
print(rows.shape, *sorted(sys.modules), sep="\\n")
"""


def test_embedding_aligned_faces_imports_neither_torch_nor_training(tmp_path: Path) -> None:
    path = write_model(tmp_path / "net.onnx", linear_model(), {"maskrec.input_spec": json.dumps(SPEC)})
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", EMBEDS, path], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shape, *modules = done.stdout.splitlines()
    assert shape == "(2, 5)"
    assert "maskrec.inference.exported.onnx_network" in modules
    assert [name for name in modules if name.split(".")[0] in NOT_IMPORTED] == []
    rooms = {".".join(name.split(".")[:2]) for name in modules if name.startswith("maskrec.")}
    assert rooms == {"maskrec.base", "maskrec.contracts", "maskrec.faces", "maskrec.inference", "maskrec.metrics"}


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (([1, 3], [1, 3]), "its graph takes float (1, 3), and a face network takes images, float (N, 3, H, W)"),
        ((["N", 1, 8, 8], ["N", 64]), "its graph takes float (N, 1, 8, 8), and a face network takes images"),
        ((["N", 3, 8, 8], ["N", 3, 8, 8]), "its graph returns float (N, 3, 8, 8), and a face network returns embedd"),
        ((["N", 3, 8, 8], ["N", 192]), "it does not say how its input is normalized"),
    ],
)
def test_a_file_of_something_else_is_not_asked_for_metadata(shapes: tuple, said: str, tmp_path: Path) -> None:
    kind = "Relu" if shapes[0] == shapes[1] else "Flatten"
    described = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip("xy", shapes, strict=True)]
    graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"])], "net", described[:1], described[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(UsageError, match=re.escape(said)):
        OnnxNetwork(write_model(tmp_path / "net.onnx", model, {}))


def test_the_documented_lines_make_a_file_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "using.md").read_text(encoding="utf-8").partition("### An ONNX file from elsewhere")[2]
    code = page.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "network.onnx", linear_model(), {})
    with pytest.raises(UsageError, match=r'"An ONNX file from elsewhere" of docs/using\.md'):
        OnnxNetwork(tmp_path / "network.onnx")
    exec(compile(code.replace("112", str(SIDE)), "using.md", "exec"), {})
    assert OnnxNetwork(tmp_path / "network_for_maskrec.onnx").embed(canvases(2)).shape == (2, 5)


def test_outputs_that_are_not_float_are_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Cast", ["f"], ["y"], to=TensorProto.DOUBLE)]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [value("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [value("y", TensorProto.DOUBLE, ["N", 3072])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(
        UsageError, match=r"its graph returns double \(N, 3072\), and a face network returns embeddings"
    ):
        OnnxNetwork(write_model(tmp_path / "net.onnx", model, {"maskrec.input_spec": json.dumps(SPEC)}))
