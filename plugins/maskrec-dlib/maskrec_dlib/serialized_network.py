"""Reads the layers of a network that dlib serialized, as plain numbers; nothing in the file is run or believed.

The form: whole numbers are a byte with their length (and their sign, in its highest bit) and as many bytes, the lowest
first; fractions are two of these, mantissa and binary exponent; texts are a length and bytes; tensors are a version,
four sizes and float32 values. A network's layers begin, the last one first, with a version number each, down to the
input; then come their contents, the first one first. Tags and skips of dlib's networks have a version number alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_LAYERS = 1024
MOST_DIGITS = 8  # bytes of a whole number
LONGEST_NAME = 64

_LOSS = "loss_metric_2"
_INPUT = "input_rgb_image_sized"
_TAG, _LAYER, _FIRST_LAYER = 1, 2, 3  # versions
_NEGATIVE, _RESERVED, _LENGTH = 0x80, 0x70, 0x0F


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer.

    Args:
        kind: ``con``, ``affine``, ``relu``, ``max_pool``, ``avg_pool``, ``add_prev``, ``fc`` or ``tag``.
        numbers: of ``con`` filters, height, width, strides and paddings; of pooling the same without filters; of ``fc``
            outputs and inputs.
        values: all that the layer learned, float32 in one row.
    """

    kind: str
    numbers: tuple[int, ...] = ()
    values: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class SerializedNetwork:
    """A network.

    Args:
        mean: of red, green and blue, which are subtracted from values of 0 to 255.
        size: height and width of the input in pixels.
        layers: the one at the input first.
    """

    mean: tuple[float, float, float]
    size: tuple[int, int]
    layers: tuple[Layer, ...]


def parse_network(content: bytes) -> SerializedNetwork:
    """The network in a file's content.

    Raises:
        ValueError: it is cut short, has another form, or a length or number in it is out of range; the end of a
            sentence.
    """
    reader = _Reader(content)
    reader.expect_version("the loss", 1)
    reader.expect_name(_LOSS)
    for _ in range(2):  # what it was trained with
        reader.fraction()
    versions = _versions(reader)
    reader.expect_name(_INPUT)
    mean = (reader.fraction(), reader.fraction(), reader.fraction())
    size = (reader.size(), reader.size())
    layers = [Layer("tag") if each == _TAG else _layer(reader, each) for each in reversed(versions)]
    if reader.rest:
        raise ValueError(f"{reader.rest} bytes follow its last layer")
    return SerializedNetwork(mean, size, tuple(layers))


def _versions(reader: _Reader) -> list[int]:
    versions: list[int] = []
    while not versions or versions[-1] != _FIRST_LAYER:
        versions.append(reader.integer())
        if versions[-1] not in (_TAG, _LAYER, _FIRST_LAYER) or len(versions) > MOST_LAYERS:
            raise ValueError(f"its layer {len(versions)} has a version that is not known, or it has too many layers")
    return versions


def _layer(reader: _Reader, version: int) -> Layer:
    name = reader.name()
    kind = next((each for each in _CONTENTS if name in (f"{each}_", f"{each}_2", f"{each}_4")), None)
    if kind is None:
        raise ValueError(f"it has a layer {name[:30]!r}, which is not known")
    layer = _CONTENTS[kind](reader)
    for _ in range(3):
        reader.flag()
    for _ in range(3 if version == _FIRST_LAYER else 2):  # left over from training: gradients and outputs
        reader.tensor()
    if version == _FIRST_LAYER:
        reader.integer()
    else:
        reader.tensor()
    return layer


def _con(reader: _Reader) -> Layer:
    values = reader.tensor()
    numbers = tuple(reader.size() for _ in range(7))
    reader.views()
    _rates(reader)
    return Layer("con", numbers, values)


def _affine(reader: _Reader) -> Layer:
    values = reader.tensor()
    reader.views()
    reader.expect_version("a scaling by channel", 0)
    return Layer("affine", (), values)


def _fc(reader: _Reader) -> Layer:
    numbers = reader.size(), reader.size()
    values = reader.tensor()
    reader.views()
    reader.expect_version("a linear layer without biases", 1)
    _rates(reader)
    return Layer("fc", numbers, values)


def _pool(kind: str, reader: _Reader) -> Layer:
    return Layer(kind, tuple(reader.size() for _ in range(6)))


def _rates(reader: _Reader) -> None:
    """Multipliers of learning rate and decay, which are of no use here."""
    for _ in range(4):
        reader.fraction()


class _Reader:
    """Takes numbers from the front of some bytes, and never more than these hold."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    @property
    def rest(self) -> int:
        """Bytes that were not read yet."""
        return len(self._content) - self._place

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if not 0 <= count <= self.rest:
            raise ValueError(f"it is cut short: {count} more bytes are expected after {self._place}")
        start, self._place = self._place, self._place + count
        return self._content[start : self._place]

    def integer(self) -> int:
        """A whole number."""
        (first,) = self.take(1)
        length = first & _LENGTH
        if first & _RESERVED or not 1 <= length <= MOST_DIGITS:
            raise ValueError(f"byte {self._place - 1} is not the start of a number")
        number = int.from_bytes(self.take(length), "little")
        return -number if first & _NEGATIVE else number

    def size(self) -> int:
        """A whole number that is at least 0 and at most what a tensor could have."""
        number = self.integer()
        if not 0 <= number < 1 << 31:
            raise ValueError(f"a size before byte {self._place} is {number}")
        return number

    def fraction(self) -> float:
        """A number that is finite."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000 or abs(mantissa) >= 1 << 63:  # infinities and NaN have 32000 and more
            raise ValueError(f"a number before byte {self._place} is not finite")
        return math.ldexp(mantissa, exponent) if mantissa.bit_length() + exponent <= 1000 else self._too_large()

    def _too_large(self) -> float:
        raise ValueError(f"a number before byte {self._place} is out of range")

    def flag(self) -> None:
        """A truth value."""
        if self.take(1) not in (b"0", b"1"):
            raise ValueError(f"byte {self._place - 1} is neither 0 nor 1")

    def name(self) -> str:
        """A short text."""
        length = self.integer()
        if not 0 <= length <= LONGEST_NAME:
            raise ValueError(f"a name before byte {self._place} has {length} bytes")
        return self.take(length).decode("ascii", "replace")

    def views(self) -> None:
        """The shapes of the two parts of a tensor; the layer's own numbers say them too."""
        for _ in range(2):
            self.expect_version("a part of a tensor", 1)
            for _ in range(4):
                self.size()

    def tensor(self) -> NDArray[np.float32]:
        """All values of a tensor in one row."""
        self.expect_version("a tensor", 2)
        count = math.prod(self.size() for _ in range(4))
        values = np.frombuffer(self.take(4 * count), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"a value of the tensor before byte {self._place} is not finite")
        return values

    def expect_version(self, what: str, version: int) -> None:
        """Read a version number, which must be this one."""
        found = self.integer()
        if found != version:
            raise ValueError(f"{what} before byte {self._place} has the version {found}, expected {version}")

    def expect_name(self, name: str) -> None:
        """Read a name, which must be this one."""
        found = self.name()
        if found != name:
            raise ValueError(f"it has {found[:30]!r} where {name!r} is expected")


_CONTENTS: dict[str, Callable[[_Reader], Layer]] = {
    "con": _con,
    "affine": _affine,
    "fc": _fc,
    "max_pool": lambda reader: _pool("max_pool", reader),
    "avg_pool": lambda reader: _pool("avg_pool", reader),
    "relu": lambda reader: Layer("relu"),
    "add_prev": lambda reader: Layer("add_prev"),
}
