"""The few pickle instructions that lists of bytes, truth values and numpy byte arrays need; all others are rejected."""

from __future__ import annotations

import codecs
import mmap
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.words import os_reason
from maskrec.images.insightface.plain_objects import ByteArray, ByteType, Named, RefusedError, call, fill, named

_MARK = object()
_SIMPLE = frozenset({
    "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "BYTEARRAY8", "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1",
    "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "UNICODE",
})  # fmt: skip
_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_STRINGS = frozenset({"BINSTRING", "SHORT_BINSTRING"})  # of Python 2, where they are bytes
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_SKIPPED = frozenset({"PROTO", "FRAME", "STOP"})
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(path: Path) -> object:
    """The content of a pickle: lists, tuples, bytes, texts, truth values, whole numbers, ``ByteArray``s.

    Nothing is imported or called. Lengths in the file are compared with its size before anything is read.

    Raises:
        UsageError: an instruction or a name that such objects do not need; a truncated file; anything after the end.
    """
    try:
        with open_regular(path) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            content = _Machine().run(data)
            if data.tell() != len(data):
                raise RefusedError(f"{len(data) - data.tell()} bytes follow its end")
            return content
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({os_reason(error)}); check its name and permissions") from error
    except RefusedError as error:
        raise UsageError(f"{path}: {error}; none of its code was run: it is not a plain verification file") from error
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise UsageError(f"{path}: not a readable pickle, or truncated ({error}); download it again") from error


class _Machine:
    """Pickle's stack and memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: mmap.mmap) -> object:
        name = ""
        while name != "STOP":
            place, code = data.tell(), data.read(1)
            opcode = _OPCODES.get(code)
            if opcode is None:
                raise ValueError(f"byte {place} is not an instruction" if code else f"it ends at byte {place}")
            name = opcode.name
            if name == "STRING":  # pickletools reads ASCII only
                self.stack.append(_quoted(data.readline()))
            else:
                self._step(name, opcode.arg and opcode.arg.reader(data))  # type: ignore[arg-type]
        if len(self.stack) != 1:
            raise RefusedError("the pickle ends without one result")
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
                raise RefusedError(f"the pickle uses {name}, which plain lists do not need")
            handler(argument)

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise RefusedError("the pickle takes more values than it has")
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def _pop_to_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                items = self._pop(len(self.stack) - place)
                return items[1:]
        raise RefusedError("the pickle returns to a mark that it did not set")

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
            raise RefusedError("the pickle appends to something that is not a list")
        self.stack[-1].extend(items)

    def _do_global(self, argument: str) -> None:
        self._name(*argument.split(" ", 1))

    def _do_stack_global(self, _: Any) -> None:
        self._name(*self._pop(2))

    def _name(self, module: object, name: object) -> None:
        self.stack.append(named(module, name))

    def _do_reduce(self, _: Any) -> None:
        named, arguments = self._pop(2)
        if not isinstance(named, Named) or not isinstance(arguments, tuple):
            raise RefusedError("the pickle calls something that cannot be called")
        self.stack.append(call(named.name, arguments))

    def _do_build(self, _: Any) -> None:
        target, state = self._pop(2)
        if isinstance(target, ByteType) and isinstance(state, tuple):
            pass  # byte order and alignment of a single byte
        elif isinstance(target, ByteArray) and isinstance(state, tuple) and len(state) == 5:
            _, shape, kind, fortran, data = state
            if target.complete or fortran not in (False, 0):
                raise RefusedError("the pickle fills an array twice, or one in Fortran's order")
            fill(target, data, kind, shape)
        else:
            raise RefusedError("the pickle sets the state of an object without state")
        self.stack.append(target)


def _quoted(line: bytes) -> bytes:
    """The bytes of a Python 2 string literal."""
    text = line.rstrip(b"\r\n")
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
        raise ValueError("a string without quotes")
    return codecs.escape_decode(text[1:-1])[0]
