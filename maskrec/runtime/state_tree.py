"""A tree of tensors and plain values in one safetensors file: reading it cannot run code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import write_atomically

_FORMAT = "maskrec-state-1"


def save_tree(tree: Any, path: Path) -> None:
    """Write a tree of dicts, lists, tensors, numbers, strings, booleans and None, atomically.

    Raises:
        MaskrecError: a value has another type, or a full disk; the previous file stays as it was.
    """
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_encode(tree, "", tensors), allow_nan=True)
    write_atomically(path, lambda temporary: _write(tensors, structure, temporary))


def _write(tensors: dict[str, Tensor], structure: str, path: Path) -> None:
    try:
        save_file(tensors, path, metadata={"format": _FORMAT, "structure": structure})
    except SafetensorError as error:  # the library's own name for an error of the operating system
        raise OSError(str(error)) from error


def load_tree(path: Path) -> Any:
    """Read what `save_tree` wrote, on the CPU.

    Raises:
        UsageError: there is no such file, or it was not written by maskrec (a pickle, a truncated file, anything else).
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise UsageError(f"{path} is a safetensors file but not a maskrec checkpoint")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return _decode(json.loads(metadata["structure"]), tensors)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path} is not a maskrec checkpoint or is damaged ({error}); no code in it was run"
        ) from error


def _encode(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return {"tensor": path}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    if isinstance(value, dict):
        return {"dict": [[_key(key, path), _encode(item, f"{path}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        items = [_encode(item, f"{path}/{number}", tensors) for number, item in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    raise MaskrecError(f"state at {path or 'top'} is a {type(value).__name__}: only tensors and plain values are saved")


def _key(key: Any, path: str) -> str | int:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return key
    raise MaskrecError(f"state at {path or 'top'} has the key {key!r}: only strings and whole numbers are saved")


def _decode(node: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "value":
        return content
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in content}
    items = [_decode(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)
