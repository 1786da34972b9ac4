"""ONNX files of strangers: refused before onnxruntime sees them; what is read is what the package onnx reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_graphs import linear_model

from maskrec.base.errors import UsageError
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.exported.onnx_safety import CheckedFile, check_onnx
from maskrec.inference.exported.onnx_tree import RefusedFileError, Tree, read_tree_of
from maskrec.inference.exported.protobuf_wire import bytes_field, signed

Change = Callable[[onnx.ModelProto], object]


def inner_graph(name: str = "y2") -> onnx.GraphProto:
    made = [helper.make_node("Constant", [], [name], value=helper.make_tensor("c", TensorProto.FLOAT, [1], [1.0]))]
    return helper.make_graph(made, "inner", [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])])


def node(*arguments: object, **attributes: object) -> Change:
    return lambda model: model.graph.node.append(helper.make_node(*arguments, **attributes))


def external(model: onnx.ModelProto) -> None:
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../../etc/passwd")


def external_constant(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def sparse(model: onnx.ModelProto) -> None:
    values, places = helper.make_tensor("s", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [5])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [1 << 40]))


def sparse_constant(model: onnx.ModelProto) -> None:
    values, places = helper.make_tensor("s", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [5])
    tensor = helper.make_sparse_tensor(values, places, [1 << 40])
    model.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=tensor))


def function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(helper.make_function("", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))


def large(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20, 1 << 20]


def large_constant(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="c", data_type=TensorProto.INT64, dims=[1 << 40], int64_data=[1])
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def negative(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = -3072


def texts(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(helper.make_tensor("t", TensorProto.STRING, [1], [b"text"]))


def sequence_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [1]))


def opset(*versions: tuple[str, int]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        del model.opset_import[:]
        model.opset_import.extend([helper.make_opsetid(domain, number) for domain, number in versions])

    return change


BRANCHES = {"then_branch": inner_graph(), "else_branch": inner_graph()}
HOSTILE: dict[str, tuple[Change, str]] = {
    "external data": (external, "external data"),
    "external constant": (external_constant, "external data"),
    "custom domain": (node("Op", ["x"], ["z"], domain="com.evil"), "operator Op of the domain com.evil"),
    "microsoft's domain": (node("Gelu", ["x"], ["z"], domain="com.microsoft"), r"of the domain com\.microsoft"),
    "if": (node("If", ["x"], ["z"], **BRANCHES), "control flow"),
    "loop": (node("Loop", ["x"], ["z"], body=inner_graph()), "control flow"),
    "scan": (node("Scan", ["x"], ["z"], body=inner_graph(), num_scan_inputs=1), "control flow"),
    "loop without its body": (node("Loop", ["x"], ["z"]), r"control flow \(Loop\)"),
    "a graph anywhere": (node("Relu", ["x"], ["z"], anything=inner_graph()), "control flow"),
    "graphs anywhere": (node("Relu", ["x"], ["z"], anything=[inner_graph(), inner_graph("z")]), "control flow"),
    "function": (function, "functions"),
    "training": (lambda model: model.training_info.add(), "training steps"),
    "sparse weights": (sparse, "sparse weights"),
    "sparse constant": (sparse_constant, "sparse weights"),
    "weights larger than the file": (large, r"announce 1152921504606846976 numbers and hold 61440 bytes"),
    "constant larger than the file": (large_constant, "announce 1099511627776 numbers and hold 1 bytes"),
    "negative side": (negative, "impossible shape"),
    "texts as weights": (texts, "texts as weights|weights of type 8"),
    "sequence": (sequence_input, "sequences"),
    "old opset": (opset(("", 6)), "opset 6, which is older than 7"),
    "no opset": (opset(("ai.onnx.ml", 3)), "does not say which opset"),
    "two opsets": (opset(("", 17), ("ai.onnx", 9)), "does not say which opset"),
    "too many nodes": (lambda m: m.graph.node.extend([helper.make_node("Relu", [], [])] * 20_001), "20,000 nodes"),
    "an entry twice": (lambda m: [m.metadata_props.add(key="k", value=v) for v in "ab"], "k occurs twice"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused(name: str) -> None:
    change, said = HOSTILE[name]
    model = linear_model()
    assert check_onnx(model.SerializeToString()) == CheckedFile(17, {})
    change(model)
    with pytest.raises(ValueError, match=said) as caught:
        check_onnx(model.SerializeToString())
    assert "\n" not in str(caught.value)


def test_both_names_of_the_domain_of_onnx_are_one() -> None:
    model = linear_model(nodes=[helper.make_node("Relu", ["x"], ["z"], domain="ai.onnx")])
    opset(("ai.onnx", 18), ("com.unused", 1))(model)
    model.metadata_props.add(key="maskrec.x", value="é")
    assert check_onnx(model.SerializeToString()) == CheckedFile(18, {"maskrec.x": "é"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no graph"),
        (b"not a graph", "wire type"),
        (b"\x08", "ends within a number"),
        (b"\x08" + b"\xff" * 11, "number is too long"),
        (b"\x3a\x05ab", "ends within a field"),
        (b"\x00\x01", "number 0"),
        (b"\x0b\x0c", "wire type 3"),
        (b"\x0a\x01a", "field 1 of a model has the wire type 2"),
        (b"\x08\x01\x08\x02", "occurs twice"),
        (bytes_field(7, b"") * 2, "occurs twice"),
        (bytes_field(99, b"x"), "unknown field 99"),
        (bytes_field(26, b"x"), "^device configurations$"),
        (bytes_field(7, b"") + bytes_field(8, bytes_field(1, b"\xff")), "not UTF-8"),
    ],
)
def test_what_is_no_onnx_file_is_a_sentence(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_onnx(content)


def test_a_truncated_file_is_a_sentence_wherever_it_ends() -> None:
    content = linear_model().SerializeToString()
    for end in [*range(1, 400, 7), len(content) // 2, len(content) - 1]:
        with pytest.raises(ValueError, match=r"ends within|twice|wire type|does not say|no graph|unknown|field"):
            check_onnx(content[:end])


def test_a_file_of_empty_nodes_takes_no_memory_and_no_time() -> None:
    """The package onnx makes 73 bytes of each of its bytes."""
    nodes = bytes_field(1, b"") * 600_000
    with pytest.raises(RefusedFileError, match="500,000 fields"):
        check_onnx(bytes_field(7, nodes))


def _same(tree: Tree, message: object) -> None:
    """The tree holds what the package reads, field by field."""
    listed = {field.number: (field, value) for field, value in message.ListFields()}  # type: ignore[attr-defined]
    assert set(tree) == set(listed)
    for number, (field, value) in listed.items():
        values = list(value) if field.is_repeated else [value]
        if field.message_type is not None:
            assert len(tree[number]) == len(values)
            for inner, each in zip(tree[number], values, strict=True):
                _same(inner, each)
        elif field.type == field.TYPE_STRING or field.type == field.TYPE_BYTES:
            texts = [each.encode() if isinstance(each, str) else each for each in values]
            assert [bytes(each) for each in tree[number]] == texts
        elif all(isinstance(each, int) for each in tree[number]):
            assert [signed(each) for each in tree[number]] == values


def test_the_tree_is_what_the_package_onnx_reads() -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.INT64, [2], [-1, 5])),
        helper.make_node(
            "Clip", ["x", "c"], ["z"], name="é", doc_string="d", alpha=0.5, list=[1, -2], texts=["a", "b"]
        ),
    ]
    model = linear_model(nodes=nodes)
    model.graph.value_info.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["N", 3072]))
    model.metadata_props.add(key="k", value="v")
    content = model.SerializeToString()
    _same(read_tree_of(content), onnx.ModelProto.FromString(content))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_file_is_read_as_the_package_reads_it_or_refused(data: st.DataObject) -> None:
    model = linear_model()
    del model.graph.initializer[:]  # the structure is what is mutated, not the weights
    content = bytearray(model.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        tree = read_tree_of(bytes(content))
        check_onnx(bytes(content))
    except ValueError:
        return
    _same(tree, onnx.ModelProto.FromString(bytes(content)))


def test_special_files_and_large_ones_are_refused_before_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    os.mkfifo(tmp_path / "pipe.onnx")
    with (tmp_path / "large.onnx").open("wb") as stream:
        stream.truncate((1 << 30) + 1)  # a hole: it takes no space
    for name, said in [
        ("folder", "it is a folder"),
        ("pipe", "it is a named pipe"),
        ("large", "it has more than 1 GiB"),
        ("absent", "does not exist"),
    ]:
        with pytest.raises(UsageError, match=said):
            OnnxNetwork(tmp_path / f"{name}.onnx")
