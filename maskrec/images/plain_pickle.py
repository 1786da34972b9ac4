"""The few pickle instructions that lists of bytes, truth values and numpy byte arrays need; all others are refused."""

from __future__ import annotations

import mmap
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.contracts.errors import UsageError

_MARK = object()
_SIMPLE = frozenset({
    "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "BYTEARRAY8", "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1",
    "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "UNICODE",
})  # fmt: skip
_STRINGS = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})  # of Python 2, where they are bytes
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_SKIPPED = frozenset({"PROTO", "FRAME", "STOP"})
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


@dataclass(slots=True)
class ByteArray:
    """What is known of a numpy array or scalar of bytes.

    Args:
        kind: its type: ``u1`` (bytes) or ``b1`` (truth values).
        data: its bytes.
        complete: whether they are there; an array gets them after it was made.
    """

    kind: str = ""
    data: bytes = b""
    complete: bool = False


@dataclass(slots=True)
class _Kind:
    """A numpy dtype of one byte."""

    name: str


@dataclass(frozen=True, slots=True)
class _Named:
    """A name that may be written in the file; what "calling" it gives is in ``_calls``."""

    name: str


class _RefusedError(Exception):
    pass


def read_pickle(path: Path) -> object:
    """What a pickle holds: lists, tuples, bytes, texts, truth values, whole numbers, ``ByteArray``s.

    Nothing is imported or called. Lengths in the file are compared with its size before anything is read.

    Raises:
        UsageError: an instruction or a name that such things do not need; a file cut short; anything behind the end.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            content = _Machine().run(data)
            if data.tell() != len(data):
                raise _RefusedError(f"{len(data) - data.tell()} bytes follow its end")
            return content
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror or error}); check its name and your rights"
        ) from error
    except _RefusedError as error:
        raise UsageError(f"{path}: {error}; nothing of it was run: it is no plain verification file") from error
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise UsageError(f"{path}: no pickle that can be read, or cut short ({error}); fetch it again") from error


class _Machine:
    """Pickle's stack and memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: mmap.mmap) -> object:
        for opcode, argument, _ in pickletools.genops(data):  # type: ignore[arg-type]
            self._step(opcode.name, argument)
        if len(self.stack) != 1:
            raise _RefusedError("the pickle ends without one result")
        return self.stack[0]

    def _step(self, name: str, argument: Any) -> None:
        if name in _SIMPLE:
            self.stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)
        elif name in _STRINGS:
            self.stack.append(argument.encode("latin-1"))
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            self.stack.append(tuple(self._pop(_TUPLES[name])))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name not in _SKIPPED:
            handler: Callable[[Any], None] | None = getattr(self, f"_do_{name.lower()}", None)
            if handler is None:
                raise _RefusedError(f"the pickle uses {name}, which plain lists do not need")
            handler(argument)

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise _RefusedError("the pickle takes more than it has")
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def _pop_to_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                items = self._pop(len(self.stack) - place)
                return items[1:]
        raise _RefusedError("the pickle goes back to a mark that it did not set")

    def _do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _do_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _do_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def _do_list(self, _: Any) -> None:
        self.stack.append(self._pop_to_mark())

    def _do_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def _do_append(self, _: Any) -> None:
        self._extend(self._pop(1))

    def _do_appends(self, _: Any) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, items: list[Any]) -> None:
        if not self.stack or not isinstance(self.stack[-1], list):
            raise _RefusedError("the pickle appends to what is no list")
        self.stack[-1].extend(items)

    def _do_global(self, argument: str) -> None:
        self._name(*argument.split(" ", 1))

    def _do_stack_global(self, _: Any) -> None:
        self._name(*self._pop(2))

    def _name(self, module: object, name: object) -> None:
        numpy = module in _NUMPY and name in ("_reconstruct", "_frombuffer", "scalar")
        numpy = numpy or (module == "numpy" and name in ("ndarray", "dtype", "bool_", "uint8"))
        if not numpy and (module, name) not in (
            ("_codecs", "encode"), ("builtins", "bytes"), ("__builtin__", "bytes"), ("builtins", "bytearray"),
            ("__builtin__", "bytearray"),
        ):  # fmt: skip
            raise _RefusedError(f"the pickle wants {module!s:.60}.{name!s:.60}")
        self.stack.append(_Named(str(name)))

    def _do_reduce(self, _: Any) -> None:
        named, arguments = self._pop(2)
        if not isinstance(named, _Named) or not isinstance(arguments, tuple):
            raise _RefusedError("the pickle calls what cannot be called")
        self.stack.append(_call(named.name, arguments))

    def _do_build(self, _: Any) -> None:
        target, state = self._pop(2)
        if isinstance(target, _Kind) and isinstance(state, tuple):
            pass  # byte order and alignment of a single byte
        elif isinstance(target, ByteArray) and isinstance(state, tuple) and len(state) == 5:
            _, shape, kind, fortran, data = state
            if target.complete or fortran not in (False, 0):
                raise _RefusedError("the pickle fills an array twice, or one in Fortran's order")
            _fill(target, data, kind, shape)
        else:
            raise _RefusedError("the pickle sets the state of what has none")
        self.stack.append(target)


def _call(name: str, arguments: tuple[Any, ...]) -> object:
    """What numpy's and Python's own functions would make of these arguments, for one-byte types."""
    if name == "encode" and len(arguments) == 2 and arguments[1] in ("latin1", b"latin1", "latin-1"):
        return str(arguments[0]).encode("latin-1")
    if name in ("bytes", "bytearray") and not arguments:
        return b""
    if name in ("bytes", "bytearray") and len(arguments) == 1 and isinstance(arguments[0], bytes):
        return arguments[0]
    if name == "bytearray" and len(arguments) == 2 and arguments[1] in ("latin-1", "latin1"):
        return str(arguments[0]).encode("latin-1")
    if name == "dtype" and arguments and _text(arguments[0]) in ("u1", "b1"):
        return _Kind(_text(arguments[0]))
    if name == "_reconstruct" and len(arguments) == 3 and arguments[0] == _Named("ndarray"):
        return ByteArray()
    if name == "_frombuffer" and len(arguments) == 4 and arguments[3] in ("C", b"C"):
        return _fill(ByteArray(), arguments[0], arguments[1], arguments[2])
    if name == "scalar" and len(arguments) == 2:
        return _fill(ByteArray(), arguments[1], arguments[0], (1,))
    raise _RefusedError(f"the pickle calls {name} in a way that plain byte arrays do not need")


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _fill(array: ByteArray, data: object, kind: object, shape: object) -> ByteArray:
    """Gives an array its bytes, once their number fits its shape."""
    if not isinstance(kind, _Kind) or not isinstance(data, bytes) or not isinstance(shape, tuple):
        raise _RefusedError("the pickle holds an array that is not of bytes")
    sizes = [size for size in shape if size != 1]
    if any(not isinstance(size, int) or size < 0 for size in shape) or sizes not in (
        [len(data)],
        [] if len(data) == 1 else None,
    ):
        raise _RefusedError(f"the pickle holds an array of shape {str(shape)[:40]} with {len(data)} bytes")
    array.kind, array.data, array.complete = kind.name, data, True
    return array
