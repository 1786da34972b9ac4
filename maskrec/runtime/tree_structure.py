"""A tree of tensors and plain values as JSON, with the tensors beside it by name."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from maskrec.base.errors import MaskrecError
from maskrec.base.plain_json import parse_json
from maskrec.runtime.tensor_writing import is_writable, parts


def encode_tree(tree: Any) -> tuple[str, dict[str, Tensor]]:
    """A tree of dicts, lists, tuples, tensors, numbers, strings, booleans and None.

    Returns:
        The structure as JSON, and the tensors as they are, where they are, by the names that it gives them.

    Raises:
        MaskrecError: a value of another type, or a tensor that is not finite; names the first.
    """
    tensors: dict[str, Tensor] = {}
    return json.dumps(_encode(tree, "", tensors), allow_nan=True), tensors


def decode_tree(structure: str, tensors: dict[str, Tensor] | None) -> Any:
    """The tree that `encode_tree` was given; None in place of each tensor where there are no ``tensors``.

    Raises:
        ValueError: a structure of another form, or a tensor that is missing.
    """
    try:
        return _decode(parse_json(structure), tensors)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its structure has another form: {error}") from error


def _encode(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = path
        while name in tensors:  # a key may contain a slash, or be a number beside its own digits
            name += "~"
        if not is_writable(value):
            raise MaskrecError(f"state at {path or 'top'} is a tensor of {value.dtype}, which cannot be saved")
        tensors[name] = value.detach()
        if not all(bool(torch.isfinite(part).all()) for part in parts(value)):
            raise MaskrecError(
                f"{path.strip('/') or 'the tensor'} is not finite, so no checkpoint was written and the one before "
                "stays; try a lower learning rate, warm-up or train.clip_gradient_norm"
            )
        return {"tensor": name}
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


def _decode(node: dict[str, Any], tensors: dict[str, Tensor] | None) -> Any:
    ((kind, content),) = node.items()
    if kind == "tensor":
        return None if tensors is None else tensors[content]
    if kind == "value":
        if isinstance(content, (dict, list)):
            raise ValueError("a plain value is a number, a string, true, false or null")
        return content
    if kind == "dict":
        return {_key_read(key): _decode(item, tensors) for key, item in content}
    if kind not in ("list", "tuple"):
        raise ValueError(f"the structure has an unknown node {kind!r}")
    items = [_decode(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)


def _key_read(key: Any) -> str | int:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return key
    raise ValueError(f"the structure has the key {key!r}")
