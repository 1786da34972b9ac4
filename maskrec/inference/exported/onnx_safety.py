"""ONNX files that somebody else may have made: what is in them is checked before a session is made.

Refused are external data (a path to any file), operators of other domains than ONNX's own (code of others), control
flow and functions (loops without an end, and graphs that no check sees), sparse weights and tensors that announce more
numbers than they hold (a small file becomes a large one), opsets that are too old, and whatever else a network's file
does not have. What an operator computes is not looked at: a graph may still ask for much memory, which
``onnx_session.py`` bounds, or for much time, which nothing bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from maskrec.inference.exported.onnx_tree import RefusedFileError, Tree, read_tree_of
from maskrec.inference.exported.protobuf_wire import packed_numbers, signed

LARGEST_FILE = 1 << 30  # bytes
OLDEST_OPSET = 7  # the first that onnxruntime promises to run; the newest is for the installed onnxruntime to say
DOMAINS = ("", "ai.onnx")
"""ONNX's own operators, by both of its names; all that ``maskrec export`` writes."""

_MOST_NODES = 20_000
_LOOPS = ("If", "Loop", "Scan", "SequenceMap")
# float, (u)int8, (u)int16, int32, int64, bool, float16, double, uint32, uint64, bfloat16: a byte or more each
_NUMERIC = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16})


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What an ONNX file says of itself.

    Args:
        opset: of ONNX's own domain.
        entries: the metadata, as texts.
    """

    opset: int
    entries: dict[str, str]


def check_onnx(content: bytes) -> CheckedFile:
    """Check a file's content.

    Raises:
        RefusedFileError: it has what is refused; the message is what it has.
        ValueError: it is cut, or is not an ONNX file of this form.
    """
    model = read_tree_of(content)
    if 7 not in model:
        raise ValueError("it has no graph")
    (graph,) = model[7]
    nodes = graph.get(1, [])
    if len(nodes) > _MOST_NODES:
        raise RefusedFileError(f"more than {_MOST_NODES:,} nodes")
    for node in nodes:
        _check_node(node)
    for tensor in _tensors(graph):
        _check_tensor(tensor)
    return CheckedFile(_opset(model), _entries(model))


def _check_node(node: Tree) -> None:
    operator, domain = _text(node, 4), _text(node, 7)
    if domain not in DOMAINS:
        raise RefusedFileError(f"the operator {operator} of the domain {domain}")
    if operator in _LOOPS:
        raise RefusedFileError(f"control flow ({operator})")


def _tensors(graph: Tree) -> Iterator[Tree]:
    yield from graph.get(5, [])
    for node in graph.get(1, []):
        for attribute in node.get(5, []):
            yield from attribute.get(5, [])
            yield from attribute.get(10, [])


def _check_tensor(tensor: Tree) -> None:
    name, kind = _text(tensor, 8), _number(tensor, 2)
    if _number(tensor, 14) != 0:
        raise RefusedFileError("external data")
    if kind not in _NUMERIC:
        raise RefusedFileError(f"weights of type {kind} ({name})")
    sides = [side for part in tensor.get(1, []) for side in _sides(part)]
    if len(sides) > 16 or any(side < 0 for side in sides):
        raise ValueError(f"the weights {name} have an impossible shape")
    held = sum(_bytes_held(part) for field in (4, 5, 7, 9, 10, 11) for part in tensor.get(field, []))
    if prod(sides) > held:
        raise RefusedFileError(f"weights that announce {prod(sides)} numbers and hold {held} bytes ({name})")


def _sides(part: int | memoryview) -> list[int]:
    return packed_numbers(part[:256]) if isinstance(part, memoryview) else [signed(part)]


def _bytes_held(part: int | memoryview) -> int:
    return len(part) if isinstance(part, memoryview) else 1


def _opset(model: Tree) -> int:
    versions = [_number(opset, 2) for opset in model.get(8, []) if _text(opset, 1) in DOMAINS]
    if len(versions) != 1:
        raise ValueError("it does not say which opset it is of")
    if versions[0] < OLDEST_OPSET:
        raise RefusedFileError(f"opset {versions[0]}, which is older than {OLDEST_OPSET}")
    return versions[0]


def _entries(model: Tree) -> dict[str, str]:
    entries: dict[str, str] = {}
    for entry in model.get(14, []):
        key = _text(entry, 1)
        if key in entries:
            raise ValueError(f"its metadata entry {key} occurs twice")
        entries[key] = _text(entry, 2)
    return entries


def _number(tree: Tree, field: int) -> int:
    return signed(tree[field][0]) if field in tree else 0


def _text(tree: Tree, field: int) -> str:
    """A text; empty where the field is missing.

    Raises:
        ValueError: not UTF-8.
    """
    try:
        return bytes(tree[field][0]).decode() if field in tree else ""
    except UnicodeDecodeError:
        raise ValueError("a text in it is not UTF-8") from None
