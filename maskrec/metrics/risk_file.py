"""``Risk`` as an ``.npz`` file of numbers only, and back from a file that somebody else may have made.

No file is unpickled and none is believed: members, types and shapes are compared with what is expected before anything
is decompressed, so a small file cannot become a large one, and the counts must agree with each other.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from maskrec.base.files import write_bytes
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.comparison_tiles import Indices
from maskrec.metrics.distance_counts import BINS, GRID, MOST_PEOPLE, DistanceCounts
from maskrec.metrics.risk import Risk

VERSION = 1
LARGEST_RISK = 64 << 20  # bytes of the file; LFW's 5,749 people take about one
_LARGEST_COUNT = 1 << 38  # every sum of counts of at most this size fits into 64 bits
_CONDITIONS = len(CONDITIONS)
_ARRAYS = ("version", "genuine", "impostor", "grid", "false", "comparisons")


def write_risk(path: Path, risk: Risk) -> None:
    """Write the file, atomically.

    Raises:
        MaskrecError: it cannot be written.
    """
    write_bytes(path, risk_bytes(risk))


def risk_bytes(risk: Risk) -> bytes:
    """The file's content; equal counts give equal bytes."""
    counts = risk.counts
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        version=np.int64(VERSION),
        genuine=np.ascontiguousarray(counts.genuine),
        impostor=np.ascontiguousarray(counts.impostor),
        grid=np.ascontiguousarray(counts.grid),
        false=np.diff(counts.false, axis=2, prepend=0),  # mostly zeros, which take no space
        comparisons=np.ascontiguousarray(counts.comparisons),
    )
    return stream.getvalue()


def read_risk(content: bytes, name: str) -> Risk:
    """Read what ``write_risk`` wrote.

    Args:
        content: of the file, at most ``LARGEST_RISK`` bytes.
        name: of the file, for messages.

    Raises:
        ValueError: it is not such a file, is of another version, or its counts contradict each other; one sentence.
    """
    try:
        arrays = _read_arrays(content)
        counts = DistanceCounts(
            arrays["genuine"],
            arrays["impostor"],
            arrays["grid"],
            _cumulative(arrays["false"]),
            arrays["comparisons"],
        )
        for problem in _contradictions(counts):
            raise _WrongFileError(problem)
    except _WrongFileError as error:
        raise ValueError(
            f"{name} is not a file of error rates: {error}; write it again with `maskrec evaluate`"
        ) from None
    return Risk(counts)


class _WrongFileError(Exception):
    """Ends the sentence of what is wrong with a file."""


def _read_arrays(content: bytes) -> Mapping[str, Indices]:
    if len(content) > LARGEST_RISK:
        raise _WrongFileError(f"it has more than {LARGEST_RISK >> 20} MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read_members(archive)
    except _WrongFileError:
        raise
    except Exception as error:  # what a damaged archive raises is not documented
        raise _WrongFileError("it is damaged or is not an .npz file") from error


def _read_members(archive: zipfile.ZipFile) -> Mapping[str, Indices]:
    members = {member.filename: member for member in archive.infolist()}
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in archive.infolist()):
        raise _WrongFileError("it is compressed by something other than deflate")
    if "version.npy" not in members:
        raise _WrongFileError("it has no version")
    version = int(_read_array(archive, members["version.npy"], ()))
    if version != VERSION:
        raise _WrongFileError(f"it has version {version}, and this program reads version {VERSION}")
    if len(archive.infolist()) != len(_ARRAYS) or set(members) != {f"{array}.npy" for array in _ARRAYS}:
        raise _WrongFileError(f"expected the arrays {', '.join(_ARRAYS)} and no others")
    people = _people(archive, members["comparisons.npy"])
    shapes = {
        "genuine": (_CONDITIONS, BINS),
        "impostor": (_CONDITIONS, BINS),
        "grid": (_CONDITIONS, GRID),
        "false": (_CONDITIONS, people, GRID),
        "comparisons": (_CONDITIONS, people),
    }
    return {array: _read_array(archive, members[f"{array}.npy"], shape) for array, shape in shapes.items()}


def _people(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    with archive.open(member) as stream:
        shape = _read_header(stream)[0]
    if len(shape) != 2 or not 1 <= shape[1] <= MOST_PEOPLE:
        raise _WrongFileError(f"its comparisons are not those of 1 to {MOST_PEOPLE} people")
    return shape[1]


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shape: tuple[int, ...]) -> Indices:
    """An array of int64 in C order of exactly this shape, each number from 0 to ``_LARGEST_COUNT``."""
    size = 8 * int(np.prod(shape, dtype=np.int64))
    with archive.open(member) as stream:
        found, ordered, dtype = _read_header(stream)
        if found != shape or dtype != np.dtype("<i8") or (ordered and len(shape) > 1):
            raise _WrongFileError(
                f"{member.filename} is {dtype} of shape {found}, expected int64 of shape {shape} in C order"
            )
        data = stream.read(size + 1)
    if len(data) != size:
        raise _WrongFileError(f"{member.filename} has {len(data)} bytes of numbers, expected {size}")
    array: NDArray[np.int64] = np.frombuffer(data, dtype="<i8").reshape(shape).astype(np.int64)
    if array.min() < 0 or array.max() > _LARGEST_COUNT:
        raise _WrongFileError(f"{member.filename} has numbers outside 0 to {_LARGEST_COUNT}")
    return array


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether in Fortran's order, and type; a header of at most 10,000 bytes, read as a literal."""
    if npy.read_magic(stream) != (1, 0):
        raise _WrongFileError("an array is not in version 1.0 of the .npy format")
    shape, ordered, dtype = npy.read_array_header_1_0(stream)
    return shape, ordered, dtype


def _cumulative(increments: Indices) -> Indices:
    return np.cumsum(increments, axis=2)


def _contradictions(counts: DistanceCounts) -> Iterator[str]:
    """Which counts cannot be of one set of comparisons, as ends of a sentence."""
    if (np.diff(counts.grid, axis=1) < 0).any() or counts.grid.max() > BINS:
        yield f"its thresholds do not rise within 0 to {BINS}"
        return
    every = counts.impostor.sum(axis=1)
    if (counts.comparisons.sum(axis=1) != 2 * every).any():
        yield "its people's comparisons do not add up to the histograms"
    below = np.concatenate([np.zeros((_CONDITIONS, 1), np.int64), np.cumsum(counts.impostor, axis=1)], axis=1)
    if (counts.false.sum(axis=1) != 2 * np.take_along_axis(below, counts.grid, axis=1)).any():
        yield "its people's false accepts do not add up to the histograms"
    if (counts.false[:, :, -1] > counts.comparisons).any():
        yield "a person has more false accepts than comparisons"
