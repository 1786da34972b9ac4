"""Tensors to a safetensors file, a bounded part at a time: no copy of all of them is made on the CPU.

The library's ``save_file`` needs every tensor on the CPU at once, which for the centres of ten million classes and
their momentum is 40 GB. The bytes written here are the ones that it writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

PART_BYTES = 64 * 2**20

# In the order in which the library writes them, larger ones first: a tensor starts at a multiple of its type's size.
_NAMES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.complex64: "C64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_PLACES = {name: place for place, name in enumerate(_NAMES)}


def is_writable(tensor: Tensor) -> bool:
    """Whether the file format has the tensor's type, and torch its values in one piece."""
    return tensor.dtype in _NAMES and tensor.layout == torch.strided


def parts(tensor: Tensor) -> Iterator[Tensor]:
    """The tensor's values in order, flat, where they are, at most ``PART_BYTES`` at once."""
    flat = tensor.detach().reshape(-1)
    yield from torch.split(flat, max(1, PART_BYTES // flat.element_size()))


def bytes_of(tensor: Tensor) -> Iterator[memoryview]:
    """The tensor's bytes in order, from any device, at most ``PART_BYTES`` at once."""
    for part in parts(tensor):
        yield part.cpu().contiguous().view(torch.uint8).numpy().data


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file.

    Args:
        path: where to.
        tensors: each one `is_writable`.
        metadata: texts by name.

    Raises:
        OSError: the disk is full or not writable.
    """
    names = sorted(tensors, key=lambda name: (_PLACES[tensors[name].dtype], name))
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        start, end = end, end + tensors[name].numel() * tensors[name].element_size()
        shape = list(tensors[name].shape)
        header[name] = {"dtype": _NAMES[tensors[name].dtype], "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            for part in bytes_of(tensors[name]):
                stream.write(part)
