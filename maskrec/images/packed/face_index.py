"""The place, identity and mask of each face of a large set: one small header and one binary file.

``STEM.json`` describes ``STEM.index``: the entries, landmarks, boxes and names of all faces one after another,
little-endian, mapped into memory and shared by all processes. Data files are named, but never read.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.files import write_atomically, write_json
from maskrec.base.plain_json import parse_json
from maskrec.base.regular_files import LARGEST_TABLE, open_regular, read_regular
from maskrec.base.words import os_reason

FORMAT, VERSION = "maskrec faces", 1

ENTRY = np.dtype(
    [
        ("offset", "<u8"),
        ("size", "<u4"),
        ("checksum", "<u4"),  # CRC-32 of the bytes; 0 where not computed
        ("file", "<u4"),
        ("label", "<u4"),
        ("masked", "u1"),
        ("mask_type", "u1"),
        ("unused", "<u2"),
    ]
)
_SECTIONS: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
    "entries": (ENTRY, ()),
    "landmarks": (np.dtype("<f8"), (5, 2)),
    "boxes": (np.dtype("<f8"), (4,)),
    "name_ends": (np.dtype("<u8"), ()),
    "names": (np.dtype("u1"), ()),
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that holds images: its name beside the index and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class FaceIndex:
    """The faces of a set.

    Args:
        files: that hold the images.
        encoding: ``encoded`` (JPEG, PNG, ... files) or ``raw`` (uint8 RGB ``(side, side, 3)``).
        side: of raw images in pixels; 0 for encoded ones.
        identities: names by label, in the order of the labels.
        mask_types: names that entries refer to; the first is empty.
        entries: ``(n,)`` of ``ENTRY``.
        name_ends: ``(n,)``, the end of each name in ``names``.
        names: uint8, the names as UTF-8 one after another.
        landmarks: float64 ``(n, 5, 2)`` in pixels of each image, or None.
        boxes: float64 ``(n, 4)``, or None.
        origin: the folder and stem that it was read from; it is pickled as these.
    """

    files: Sequence[DataFile]
    encoding: Literal["encoded", "raw"]
    side: int
    identities: Sequence[str]
    mask_types: Sequence[str]
    entries: NDArray[np.void]
    name_ends: NDArray[np.uint64]
    names: NDArray[np.uint8]
    landmarks: NDArray[np.float64] | None = None
    boxes: NDArray[np.float64] | None = None
    origin: tuple[Path, str] | None = None

    def __reduce__(self) -> Any:
        if self.origin is not None:
            return read_face_index, self.origin
        return FaceIndex, tuple(getattr(self, each.name) for each in fields(self))

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        """A face's name in its source."""
        start = int(self.name_ends[index - 1]) if index else 0
        return self.names[start : int(self.name_ends[index])].tobytes().decode("utf-8", "replace")


def name_columns(names: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Names as ``name_ends`` and ``names``."""
    encoded = [name.encode("utf-8", "backslashreplace") for name in names]
    ends = np.cumsum([len(name) for name in encoded], dtype=np.uint64)
    return ends, np.frombuffer(b"".join(encoded), np.uint8)


def write_face_index(folder: Path, stem: str, index: FaceIndex) -> None:
    """Write both files, the header last; the same faces give the same bytes.

    Raises:
        MaskrecError: the disk is full or not writable.
    """
    pieces = {name: getattr(index, name) for name in _SECTIONS}
    there = {
        name: np.ascontiguousarray(piece, _SECTIONS[name][0]) for name, piece in pieces.items() if piece is not None
    }
    content = b"".join(piece.tobytes() for piece in there.values())
    write_atomically(folder / f"{stem}.index", lambda temporary: temporary.write_bytes(content))
    header = {
        "format": FORMAT,
        "version": VERSION,
        "images": len(index),
        "encoding": index.encoding,
        "side": index.side,
        "files": [[file.name, file.size] for file in index.files],
        "sections": {name: piece.nbytes for name, piece in there.items()},
        "size": len(content),
        "checksum": zlib.crc32(content),
        "mask_types": list(index.mask_types),
        "identities": list(index.identities),
    }
    write_json(folder / f"{stem}.json", header)


def read_face_index(folder: Path, stem: str) -> FaceIndex:
    """A memory-mapped index whose parts have been checked against each other.

    Raises:
        UsageError: it is missing, damaged, truncated, of a newer version or of another kind.
    """
    path = folder / f"{stem}.json"
    try:
        header = parse_json(read_regular(path, LARGEST_TABLE))
    except (OSError, ValueError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else f"it is damaged: {error}"
        raise UsageError(f"{path}: cannot be read ({reason}); is the folder complete?") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UsageError(f"{path}: not an index of faces that maskrec wrote")
    if header.get("version") != VERSION:
        raise UsageError(
            f"{path}: format version {header.get('version')!r}, but this maskrec reads {VERSION}; make it again or "
            "install the version of maskrec that wrote it"
        )
    content = _map(folder / f"{stem}.index", header)
    try:
        index = replace(_index_of(header, content), origin=(folder, stem))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{path}: damaged ({type(error).__name__}: {error}); make it again") from error
    if problem := _problem(index):
        raise UsageError(f"{path}: damaged: {problem}; make it again")
    return index


def _map(path: Path, header: dict[str, Any]) -> memoryview:
    try:
        size = path.stat().st_size
        if size != header.get("size") or not size:
            raise UsageError(f"{path}: {size} bytes, but {header.get('size')} were written; copy the whole file again")
        with open_regular(path) as stream:
            content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({os_reason(error)}); is the folder complete?") from error
    if zlib.crc32(content) != header.get("checksum"):
        raise UsageError(f"{path}: its checksum does not match, so it is damaged; copy or make it again")
    return content


def _index_of(header: dict[str, Any], content: memoryview) -> FaceIndex:
    images, start = int(header["images"]), 0
    columns: dict[str, Any] = {}
    for name, (dtype, shape) in _SECTIONS.items():
        if name not in header["sections"]:
            continue
        size = int(header["sections"][name])
        values = np.frombuffer(content[start : start + size], dtype)
        columns[name] = values if name == "names" else values.reshape(images, *shape)
        start += size
    if start != len(content):
        raise ValueError(f"sections of {start} bytes in a file of {len(content)}")
    files = [DataFile(str(name), int(size)) for name, size in header["files"]]
    identities, mask_types = [list(map(str, header[name])) for name in ("identities", "mask_types")]
    return FaceIndex(files, header["encoding"], int(header["side"]), identities, mask_types, **columns)


def _problem(index: FaceIndex) -> str | None:
    """Find invalid references in an index."""
    entries, sizes = index.entries, np.array([file.size for file in index.files], dtype=np.uint64)
    if index.encoding not in ("encoded", "raw") or (index.encoding == "raw") != (index.side > 0):
        return f"images of the encoding {index.encoding!r} and side {index.side}"
    if any("/" in file.name or file.name in ("", ".", "..") for file in index.files):
        return "a data file that is not beside it"
    for column, end in (("file", len(sizes)), ("label", len(index.identities)), ("mask_type", len(index.mask_types))):
        if len(entries) and int(entries[column].max()) >= end:
            return f"an entry's {column} is beyond the last of {end}"
    if not np.bincount(entries["label"], minlength=len(index.identities)).all():
        return "people without faces"
    ends = sizes[entries["file"]]
    if (entries["offset"] > ends).any() or (entries["size"] > ends - entries["offset"]).any():
        return "an entry reaches beyond its file's end"
    if index.encoding == "raw" and (entries["size"] != 3 * index.side**2).any():
        return "a raw image of another size"
    if (np.diff(index.name_ends.astype(np.int64), prepend=0) < 0).any() or (
        len(entries) and int(index.name_ends[-1]) != len(index.names)
    ):
        return "names that overlap"
    return None
