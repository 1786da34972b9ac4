"""A tree of tensors and plain values in one safetensors file: nothing in it can run code when read.

The form ``maskrec-state-2``: the file's metadata has one entry, whose key is the form's name and whose value is
``CHECKSUM STRUCTURE``. STRUCTURE is the tree as JSON, each tensor by its name in the file; CHECKSUM is the SHA-256 of
that text and of every tensor's name, type, shape and bytes. With one entry of metadata the library writes equal
trees as equal bytes. ``maskrec-state-1`` had no checksum; it can still be read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.base.files import write_atomically
from maskrec.base.regular_files import check_regular, memory_size
from maskrec.base.words import os_reason
from maskrec.runtime.tensor_writing import bytes_of, write_tensors
from maskrec.runtime.tree_structure import decode_tree, encode_tree

_FORM, _FORM_BEFORE = "maskrec-state-2", "maskrec-state-1"


class DamagedFileError(UsageError):
    """A file that is missing, cut, changed or not a checkpoint: an earlier one may take its place."""


@dataclass(frozen=True, slots=True)
class StoredTree:
    """What a file holds.

    Args:
        tree: the values, tensors on the CPU.
        checksum: 64 hexadecimal digits; None for ``maskrec-state-1``, which has none.
    """

    tree: Any
    checksum: str | None


@dataclass(frozen=True, slots=True)
class PackedTree:
    """A tree that is ready to be written, before any of its tensors changes.

    Args:
        tensors: by their names in the file; not copied, so that a checkpoint needs no memory of its size.
        structure: the tree as JSON.
        checksum: of both.
    """

    tensors: dict[str, Tensor]
    structure: str
    checksum: str

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: the disk is full or not writable.
        """
        write_tensors(path, self.tensors, {_FORM: f"{self.checksum} {self.structure}"})


def pack_tree(tree: Any) -> PackedTree:
    """Get a tree of dicts, lists, tensors, numbers, strings, booleans and None ready for writing.

    Raises:
        MaskrecError: a value of another type, or a tensor that is not finite; names the first.
    """
    structure, tensors = encode_tree(tree)
    return PackedTree(tensors, structure, _checksum(structure, tensors))


def save_tree(tree: Any, path: Path) -> str:
    """Write a tree atomically.

    Returns:
        The checksum.

    Raises:
        MaskrecError: as `pack_tree`, or the disk is full or not writable; the file before stays as it was.
    """
    packed = pack_tree(tree)
    write_atomically(path, packed.write)
    return packed.checksum


def load_tree(path: Path) -> Any:
    """The tree that `save_tree` wrote, on the CPU.

    Raises:
        DamagedFileError: as `read_tree`.
    """
    return read_tree(path).tree


def read_tree(path: Path) -> StoredTree:
    """The tree that `save_tree` wrote with its checksum, which is verified.

    Raises:
        DamagedFileError: it does not exist, was changed, or is not one of ours (a pickle, a cut file, anything else).
    """
    checksum, structure, tensors = _read(path, with_tensors=True)
    if checksum is not None and checksum != _checksum(structure, tensors):
        raise DamagedFileError(f"{path} is damaged: its content does not match its checksum")
    return StoredTree(_decode(path, structure, tensors), checksum)


def read_plain_values(path: Path) -> Any:
    """The tree with None in place of each tensor, read quickly: the checksum is not verified.

    Raises:
        DamagedFileError: as `read_tree`.
    """
    _, structure, _ = _read(path, with_tensors=False)
    return _decode(path, structure, None)


def read_checksum(path: Path) -> str | None:
    """The checksum that the file states, quickly: it is not verified. None for ``maskrec-state-1``, which has none.

    Raises:
        DamagedFileError: as `read_tree`.
    """
    return _read(path, with_tensors=False)[0]


def _read(path: Path, with_tensors: bool) -> tuple[str | None, str, dict[str, Tensor]]:
    """The checksum, the structure and the tensors."""
    try:
        check_regular(path, memory_size())
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} does not exist") from error
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read ({os_reason(error)})") from error
    try:
        with safe_open(path, framework="pt") as file:
            checksum, structure = _header(path, file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()} if with_tensors else {}  # noqa: SIM118
            return checksum, structure, tensors
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise _not_ours(path, error) from error


def _header(path: Path, metadata: dict[str, str]) -> tuple[str | None, str]:
    """The checksum and the structure."""
    if _FORM in metadata:
        checksum, _, structure = metadata[_FORM].partition(" ")
        return checksum, structure
    if metadata.get("format") == _FORM_BEFORE:
        return None, metadata["structure"]
    raise DamagedFileError(f"{path} is a safetensors file but not a maskrec checkpoint")


def _decode(path: Path, structure: str, tensors: dict[str, Tensor] | None) -> Any:
    try:
        return decode_tree(structure, tensors)
    except ValueError as error:
        raise _not_ours(path, error) from error


def _not_ours(path: Path, error: Exception) -> DamagedFileError:
    return DamagedFileError(f"{path} is not a maskrec checkpoint or is damaged ({error}); nothing in it was run")


def _checksum(structure: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(structure.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        for part in bytes_of(tensor):
            digest.update(part)
    return digest.hexdigest()
