"""Arrays of counts as an ``.npz`` file of numbers only, and back from a file that somebody else may have made.

No file is unpickled and none is believed: members, types and shapes are compared with what is expected before anything
is decompressed, so a small file cannot become a large one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from maskrec.metrics.comparison_tiles import Indices

LARGEST_COUNT = 1 << 38  # every sum of counts of at most this size fits into 64 bits

Shape = tuple[int, ...]


class WrongFileError(Exception):
    """Ends the sentence of what is wrong with a file."""


@dataclass(frozen=True, slots=True)
class CountsForm:
    """What a file must hold.

    Args:
        version: that it says.
        most: bytes of the file.
        arrays: their names, ``version`` left out.
    """

    version: int
    most: int
    arrays: Sequence[str]


def counts_bytes(form: CountsForm, arrays: Mapping[str, Indices]) -> bytes:
    """The file's content; equal counts give equal bytes."""
    stream = io.BytesIO()
    ordered = {name: np.asarray(arrays[name], order="C") for name in form.arrays}
    np.savez_compressed(stream, version=np.int64(form.version), **ordered)  # type: ignore[arg-type]
    return stream.getvalue()


def read_counts(
    content: bytes, form: CountsForm, shapes: Callable[[Callable[[str], Shape]], Mapping[str, Shape]]
) -> Mapping[str, Indices]:
    """Read what ``counts_bytes`` wrote.

    Args:
        content: of the file.
        form: what it must hold.
        shapes: the shape that each array must have, given a function that says the shape which the header of one
            states; may raise ``WrongFileError``.

    Raises:
        WrongFileError: it is not such a file, or is of another version.
    """
    if len(content) > form.most:
        raise WrongFileError(f"it has more than {form.most >> 20} MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read_members(archive, form, shapes)
    except WrongFileError:
        raise
    except Exception as error:  # what a damaged archive raises is not documented
        raise WrongFileError("it is damaged or is not an .npz file") from error


def _read_members(
    archive: zipfile.ZipFile, form: CountsForm, shapes: Callable[[Callable[[str], Shape]], Mapping[str, Shape]]
) -> Mapping[str, Indices]:
    members = {member.filename: member for member in archive.infolist()}
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in archive.infolist()):
        raise WrongFileError("it is compressed by something other than deflate")
    if "version.npy" not in members:
        raise WrongFileError("it has no version")
    version = int(_read_array(archive, members["version.npy"], ()))
    if version != form.version:
        raise WrongFileError(f"it has version {version}, and this program reads version {form.version}")
    names = ["version", *form.arrays]
    if len(archive.infolist()) != len(names) or set(members) != {f"{name}.npy" for name in names}:
        raise WrongFileError(f"expected the arrays {', '.join(names)} and no others")
    expected = shapes(lambda name: _stated_shape(archive, members[f"{name}.npy"]))
    return {name: _read_array(archive, members[f"{name}.npy"], expected[name]) for name in form.arrays}


def _stated_shape(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Shape:
    with archive.open(member) as stream:
        return _read_header(stream)[0]


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shape: Shape) -> Indices:
    """An array of int64 in C order of exactly this shape, each number from 0 to ``LARGEST_COUNT``."""
    size = 8 * int(np.prod(shape, dtype=np.int64))
    with archive.open(member) as stream:
        found, ordered, dtype = _read_header(stream)
        if found != shape or dtype != np.dtype("<i8") or (ordered and len(shape) > 1):
            raise WrongFileError(
                f"{member.filename} is {dtype} of shape {found}, expected int64 of shape {shape} in C order"
            )
        data = stream.read(size + 1)
    if len(data) != size:
        raise WrongFileError(f"{member.filename} has {len(data)} bytes of numbers, expected {size}")
    array: NDArray[np.int64] = np.frombuffer(data, dtype="<i8").reshape(shape).astype(np.int64)
    if array.min() < 0 or array.max() > LARGEST_COUNT:
        raise WrongFileError(f"{member.filename} has numbers outside 0 to {LARGEST_COUNT}")
    return array


def _read_header(stream: IO[bytes]) -> tuple[Shape, bool, np.dtype[np.generic]]:
    """Shape, whether in Fortran's order, and type; a header of at most 10,000 bytes, read as a literal."""
    if npy.read_magic(stream) != (1, 0):
        raise WrongFileError("an array is not in version 1.0 of the .npy format")
    shape, ordered, dtype = npy.read_array_header_1_0(stream)
    return shape, ordered, dtype
