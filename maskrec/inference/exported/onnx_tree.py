"""The messages of an ONNX file as a bounded tree of plain values.

The package ``onnx`` is not used for this: its parser makes 73 bytes of every byte of a file of empty nodes (measured),
so that a file within the limit could take all memory before anything is checked, and its import takes longer than that
of onnxruntime. Only what a network's file has is known here; a field that is not in ``_FORMS`` is refused, so what
onnxruntime reads is never more than what was checked. The numbers are those of ``onnx.proto``.
"""

from __future__ import annotations

from typing import Any

from maskrec.inference.exported.protobuf_wire import BYTES, EIGHT_BYTES, FOUR_BYTES, NUMBER, fields

MOST_FIELDS = 500_000
"""Of all messages together: eight times those of timm's swin_small, fifty times those of SE-ResNeXt-101."""

Tree = dict[int, list[Any]]
"""By field number: numbers, memoryviews and inner trees, in their order."""

_WIRES = {
    "number": (NUMBER,),
    "numbers": (NUMBER, BYTES),  # one by one, or packed
    "four": (FOUR_BYTES,),
    "fours": (FOUR_BYTES, BYTES),
    "eights": (EIGHT_BYTES, BYTES),
}
_EXTERNAL, _FLOW, _SPARSE = "external data", "control flow (a graph within a graph)", "sparse weights"

# By message and field number: the kind of value or the message within, with a * where it may repeat.
_FORMS: dict[str, dict[int, str]] = {
    "model": {1: "number", 2: "bytes", 3: "bytes", 4: "bytes", 5: "number", 6: "bytes", 7: "graph", 8: "opset*",
              14: "entry*"},
    "opset": {1: "bytes", 2: "number"},
    "entry": {1: "bytes", 2: "bytes"},
    "graph": {1: "node*", 2: "bytes", 5: "tensor*", 10: "bytes", 11: "value*", 12: "value*", 13: "value*",
              14: "annotation*", 16: "entry*"},
    "node": {1: "bytes*", 2: "bytes*", 3: "bytes", 4: "bytes", 5: "attribute*", 6: "bytes", 7: "bytes", 9: "entry*"},
    "attribute": {1: "bytes", 2: "four", 3: "number", 4: "bytes", 5: "tensor", 7: "fours*", 8: "numbers*",
                  9: "bytes*", 10: "tensor*", 13: "bytes", 20: "number"},
    "tensor": {1: "numbers*", 2: "number", 4: "fours*", 5: "numbers*", 7: "numbers*", 8: "bytes", 9: "bytes",
               10: "eights*", 11: "numbers*", 12: "bytes", 14: "number", 16: "entry*"},
    "annotation": {1: "bytes", 2: "entry*"},
    "value": {1: "bytes", 2: "type", 3: "bytes", 4: "entry*"},
    "type": {1: "tensor type", 6: "bytes"},
    "tensor type": {1: "number", 2: "shape"},
    "shape": {1: "dimension*"},
    "dimension": {1: "number", 2: "bytes", 3: "bytes"},
}  # fmt: skip
_REFUSED: dict[str, dict[int, str]] = {
    "model": {20: "training steps", 25: "functions", 26: "device configurations"},
    "graph": {15: _SPARSE},
    "node": {8: "functions", 10: "device configurations"},
    "attribute": {6: _FLOW, 11: _FLOW, 14: "types as values", 15: "types as values", 21: "functions", 22: _SPARSE,
                  23: _SPARSE},
    "tensor": {3: "tensors in segments", 6: "texts as weights", 13: _EXTERNAL},
    "type": {4: "sequences", 5: "maps", 7: "opaque values", 8: _SPARSE, 9: "optional values"},
}  # fmt: skip


class RefusedFileError(ValueError):
    """A valid file of a kind that is not opened."""


def read_tree_of(content: bytes) -> Tree:
    """The ModelProto that a file holds.

    Raises:
        RefusedFileError: it has something that is refused, or too many fields.
        ValueError: it is cut or is not a protocol buffer of this form.
    """
    return _Reader().read(memoryview(content), "model")


class _Reader:
    """Counts the fields of all messages."""

    def __init__(self) -> None:
        self.left = MOST_FIELDS

    def read(self, message: memoryview, name: str) -> Tree:
        form, tree = _FORMS[name], Tree()
        for number, wire, value in fields(message):
            self.left -= 1
            if self.left < 0:
                raise RefusedFileError(f"more than {MOST_FIELDS:,} fields")
            kind = form.get(number, "")
            if not kind:
                refused = _REFUSED.get(name, {}).get(number)
                raise RefusedFileError(refused) if refused else ValueError(f"a {name} has an unknown field {number}")
            inner = kind.rstrip("*")
            if wire not in _WIRES.get(inner, (BYTES,)):
                raise ValueError(f"field {number} of a {name} has the wire type {wire}")
            held = tree.setdefault(number, [])
            if held and inner == kind:  # parsers differ in what they make of it
                raise ValueError(f"field {number} of a {name} occurs twice")
            held.append(self.read(value, inner) if inner in _FORMS and isinstance(value, memoryview) else value)
        return tree
