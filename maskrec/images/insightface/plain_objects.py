"""What a plain pickle may contain besides lists and bytes: numpy's arrays of bytes, recognised without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_PYTHON = (
    ("_codecs", "encode"),
    ("builtins", "bytes"),
    ("__builtin__", "bytes"),
    ("builtins", "bytearray"),
    ("__builtin__", "bytearray"),
)


class RefusedError(Exception):
    """The pickle requests what plain lists of bytes do not need; the message says what."""


@dataclass(slots=True)
class ByteArray:
    """What is known of a numpy array or scalar of bytes.

    Args:
        kind: its type: ``u1`` (bytes) or ``b1`` (truth values).
        data: its bytes.
        complete: whether they are set; an array receives them after it was created.
    """

    kind: str = ""
    data: bytes = b""
    complete: bool = False


@dataclass(slots=True)
class ByteType:
    """A numpy dtype of one byte."""

    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """A name that may occur in the file; ``call`` gives the result of "calling" it."""

    name: str


def named(module: object, name: object) -> Named:
    """A name that a plain pickle may use.

    Raises:
        RefusedError: any other name.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise RefusedError("the pickle requests something without a name")
    numpy = module in _NUMPY and name in ("_reconstruct", "_frombuffer", "scalar")
    if numpy or (module == "numpy" and name in ("ndarray", "dtype")) or (module, name) in _PYTHON:
        return Named(name)
    raise RefusedError(f"the pickle requests {module[:60]}.{name[:60]}")


def call(name: str, arguments: tuple[Any, ...]) -> object:
    """The result of numpy's and Python's own functions for these arguments, for one-byte types."""
    latin1 = len(arguments) == 2 and arguments[1] in ("latin1", b"latin1", "latin-1")
    if name in ("encode", "bytearray") and latin1 and isinstance(arguments[0], str):
        return arguments[0].encode("latin-1")
    if name in ("bytes", "bytearray") and not arguments:
        return b""
    if name in ("bytes", "bytearray") and len(arguments) == 1 and isinstance(arguments[0], bytes):
        return arguments[0]
    if name == "dtype" and arguments and _text(arguments[0]) in ("u1", "b1"):
        return ByteType(_text(arguments[0]))
    if name == "_reconstruct" and len(arguments) == 3 and arguments[0] == Named("ndarray"):
        return ByteArray()
    if name == "_frombuffer" and len(arguments) == 4 and arguments[3] in ("C", b"C"):
        return fill(ByteArray(), arguments[0], arguments[1], arguments[2])
    if name == "scalar" and len(arguments) == 2:
        return fill(ByteArray(), arguments[1], arguments[0], (1,))
    raise RefusedError(f"the pickle calls {name} in a way that plain byte arrays do not need")


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def fill(array: ByteArray, data: object, kind: object, shape: object) -> ByteArray:
    """Set an array's bytes, once their number matches its shape."""
    if not isinstance(kind, ByteType) or not isinstance(data, bytes) or not isinstance(shape, tuple):
        raise RefusedError("the pickle holds an array that is not of bytes")
    if not all(isinstance(size, int) for size in shape):
        raise RefusedError("the pickle holds an array whose shape is not made of numbers")
    sides = [size for size in shape if size != 1]
    if sides != ([] if len(data) == 1 else [len(data)]):
        raise RefusedError(f"the pickle holds an array of shape {str(shape)[:40]} with {len(data)} bytes")
    array.kind, array.data, array.complete = kind.name, data, True
    return array
