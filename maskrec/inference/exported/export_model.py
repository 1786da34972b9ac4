"""A model as one file that needs nothing else: ONNX, or its weights alone as safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors.torch import save

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import write_bytes
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.export_parity import ComparedFaces, Parity, compare
from maskrec.inference.exported.onnx_backbone import OnnxBackbone
from maskrec.inference.exported.onnx_metadata import NOT_STATED, OnnxMetadata, metadata_entries
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.exported.onnx_safety import LARGEST_FILE
from maskrec.inference.exported.protobuf_wire import bytes_field
from maskrec.inference.exported.torch_to_onnx import onnx_graph
from maskrec.inference.model import Model, weights_checksum

ENDINGS = (".onnx", ".safetensors")
NEEDED = ("onnx", "onnxruntime")  # the second compares the file with the network before it is written

_METADATA, _KEY, _VALUE = 14, 1, 2  # field numbers of onnx.proto


def export(
    model: Model,
    decisions: Decisions,
    out: Path,
    faces: Callable[[], ComparedFaces],
    *,
    recipe_hash: str = "",
    provenance: Mapping[str, Any] | None = None,
    licence: str = NOT_STATED,
) -> Parity | None:
    """Write a model as one file, atomically.

    Args:
        model: frozen, in float32 on the CPU.
        decisions: what it decides with.
        out: ``.onnx``, or ``.safetensors`` for the network's weights by the names of its ``state_dict``, with the same
            metadata as strings in the header.
        faces: gives the faces on which the ONNX file is compared with the network before it is written.
        recipe_hash: as in ``OnnxMetadata``, and so the rest.
        provenance: plain values, without paths of this machine.
        licence: of the weights.

    Returns:
        How far both agree; None for safetensors, which holds the numbers themselves.

    Raises:
        UsageError: another ending, a file that is there already, a folder that is not, or a model that is an ONNX file.
        MaskrecError: the network cannot be exported, the file would differ from it, or the disk is full or not
            writable; nothing was written.
    """
    check_destination(out)
    if isinstance(model.network, OnnxBackbone):
        raise UsageError(f"{model.origin} is an ONNX file already; name the run that it was exported from")
    stated = OnnxMetadata(
        model.spec, decisions, recipe_hash, provenance or {}, licence, weights_checksum(model.network)
    )
    try:
        entries = metadata_entries(stated)
    except ValueError as error:
        raise MaskrecError(f"{model.origin} cannot be exported: {error}") from error
    if out.suffix.lower() == ".safetensors":
        write_bytes(out, weights_with(entries, model))
        return None
    content = graph_with(entries, onnx_graph(model))
    if len(content) > LARGEST_FILE:
        raise MaskrecError(f"{model.origin} cannot be exported: the file would be larger than 1 GiB, which none may be")
    parity = compare(model, OnnxNetwork(out, content), faces())  # it goes through the checks of a stranger's file
    write_bytes(out, content)
    return parity


def check_destination(out: Path) -> None:
    """Refuse a place that an export cannot be written to.

    Raises:
        UsageError: as in ``export``, or a package that it needs is missing.
    """
    if out.suffix.lower() not in ENDINGS:
        raise UsageError(f"the file to write must end in {' or '.join(ENDINGS)}, and {out} does not")
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} already exists; remove it or name another file")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent} is not a folder; create it first")
    if out.suffix.lower() == ".onnx" and (missing := [name for name in NEEDED if find_spec(name) is None]):
        raise UsageError(f"exporting needs {' and '.join(missing)}; pip install 'maskrec[onnx]'")


def graph_with(entries: dict[str, str], graph: bytes) -> bytes:
    """An ONNX file with metadata entries: messages that follow one another are one message."""
    written = [bytes_field(_KEY, key.encode()) + bytes_field(_VALUE, text.encode()) for key, text in entries.items()]
    return graph + b"".join(bytes_field(_METADATA, entry) for entry in written)


def weights_with(entries: dict[str, str], model: Model) -> bytes:
    """A safetensors file of the network's weights; the same bytes for the same weights and entries."""
    content = save({name: value.contiguous().clone() for name, value in model.network.state_dict().items()}, entries)
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    header["__metadata__"] = dict(sorted(entries.items()))  # the library writes them in any order
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[size:]
