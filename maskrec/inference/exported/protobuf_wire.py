"""Protocol buffers as plain fields: read without trust, and written as far as a file's metadata takes.

The wire format is https://protobuf.dev/programming-guides/encoding. What is refused here (groups, numbers of more than
ten bytes, a field that goes beyond its message) no writer makes.
"""

from __future__ import annotations

from collections.abc import Iterator

NUMBER, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Wire types."""

Field = tuple[int, int, int | memoryview]
"""A field's number, its wire type, and its value: 0 to 2**64 - 1 for ``NUMBER``, else its bytes."""


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message in their order; nothing is copied.

    Raises:
        ValueError: the message is cut or is not a protocol buffer.
    """
    place, end = 0, len(message)
    while place < end:
        tag, place = _number(message, place, 5)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if wire == NUMBER:
            value, place = _number(message, place, 10)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, place = _number(message, place, 10)
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if wire == EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field has the wire type {wire}")
        if size > end - place:
            raise ValueError("it ends within a field")
        yield number, wire, message[place : place + size]
        place += size


def _number(message: memoryview, place: int, most: int) -> tuple[int, int]:
    """The variable-length number at a place, and the place behind it."""
    value = shift = 0
    for byte in message[place : place + most]:
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
    raise ValueError("it ends within a number, or a number is too long")


def signed(value: int) -> int:
    """A ``NUMBER`` as an int64."""
    return value - (1 << 64) if value >> 63 else value


def packed_numbers(content: memoryview) -> list[int]:
    """The int64 values of a packed field.

    Raises:
        ValueError: as in ``fields``.
    """
    values, place = [], 0
    while place < len(content):
        value, place = _number(content, place, 10)
        values.append(signed(value))
    return values


def bytes_field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message as it is written."""
    return _written(number << 3 | BYTES) + _written(len(content)) + content


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
