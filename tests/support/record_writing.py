"""Writes ``.rec`` and ``.idx`` in InsightFace's layout."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maskrec.base.files import write_atomically
from maskrec.images.insightface.record_labels import HEADER, MAGIC, PART

_MAGIC_BYTES = struct.pack("<I", MAGIC)


def write_records(path: Path, images: Iterable[tuple[float | Sequence[float], bytes]], people: bool = True) -> None:
    """``path`` (a ``.rec``) and the ``.idx`` beside it, each written atomically.

    Args:
        path: of the ``.rec``; its folder must exist.
        images: label (or several) and encoded bytes of each.
        people: whether record 0 and one record per person are written, as in InsightFace's files (images of one person
            are then consecutive); otherwise images only, from key 0.

    Raises:
        MaskrecError: the disk is full or not writable.
    """
    offsets: list[tuple[int, int]] = []

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            for key, record in _records(images, people):
                offsets.append((key, stream.tell()))
                stream.write(framed(record))

    write_atomically(path, write)
    text = "".join(f"{key}\t{offset}\n" for key, offset in sorted(offsets))
    write_atomically(path.with_suffix(".idx"), lambda temporary: temporary.write_text(text, encoding="ascii"))


def _records(images: Iterable[tuple[float | Sequence[float], bytes]], people: bool) -> Iterator[tuple[int, bytes]]:
    key = first = 1 if people else 0
    starts: list[int] = []
    before: float | None = None
    for label, image in images:
        identity = label if isinstance(label, int | float) else label[0]
        if identity != before:
            starts.append(key)
            before = identity
        yield key, packed(label, key) + image
        key += 1
    if not people:
        return
    yield 0, packed((key, key + len(starts)), 0)
    for person, (start, end) in enumerate(zip(starts, [*starts[1:], key], strict=True)):
        yield key + person, packed((start, end), key + person)
    assert first == 1


def packed(label: float | Sequence[float], key: int) -> bytes:
    """MXNet's IRHeader with one label in it, or several after it."""
    if isinstance(label, int | float):
        return HEADER.pack(0, label, key, 0)
    return HEADER.pack(len(label), 0.0, key, 0) + struct.pack(f"<{len(label)}f", *label)


def framed(record: bytes) -> bytes:
    """A record between magic words, cut where it holds the magic word itself at a multiple of 4, as dmlc-core does."""
    cuts = [place for place in _places(record) if place % 4 == 0]
    if not cuts:
        return _part(0, record)
    starts, ends = [0, *(cut + 4 for cut in cuts)], [*cuts, len(record)]
    kinds = [1] + [2] * (len(cuts) - 1) + [3]
    return b"".join(_part(kind, record[start:end]) for kind, start, end in zip(kinds, starts, ends, strict=True))


def _places(record: bytes) -> Iterator[int]:
    place = record.find(_MAGIC_BYTES)
    while place >= 0:
        yield place
        place = record.find(_MAGIC_BYTES, place + 1)


def _part(kind: int, piece: bytes) -> bytes:
    return PART.pack(MAGIC, kind << 29 | len(piece)) + piece + bytes(-len(piece) % 4)
