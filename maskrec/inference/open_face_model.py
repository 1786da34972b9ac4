"""``maskrec.open``: a run, an exported file, a model folder or a backbone with weights as a model with verbs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from maskrec.base.errors import UsageError
from maskrec.inference.decisions import Decisions
from maskrec.inference.face_model import FaceModel

if TYPE_CHECKING:
    from maskrec.inference.model import Model
    from maskrec.plugin.catalog import Catalog

EXPORTED = ".onnx"


def open_face_model(
    where: str | Path | Mapping[str, Any],
    *,
    checkpoint: Literal["best", "last"] = "best",
    device: str = "auto",
    plugins: Sequence[str | Path] = (),
    data_root: str | Path | None = None,
    catalog: Catalog | None = None,
) -> FaceModel:
    """Open a trained model.

    Args:
        where: a run directory, an exported ``.onnx`` file, a model folder as ``maskrec evaluate --out`` writes it, or
            a registered backbone with weights: its name, or ``{"use": NAME, ...}``. A path that exists comes before a
            backbone's name.
        checkpoint: of a run: its best weights, or its last ones, which have no thresholds.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        plugins: Python files that declare components, as ``--plugin`` takes them.
        data_root: what paths of a backbone's parameters are relative to; by default the current folder.
        catalog: instead of the installed plugins and ``plugins``.

    Raises:
        UsageError: nothing that can be opened is there, or it does not fit what is installed.
    """
    if isinstance(where, (str, Path)) and Path(where).suffix.lower() == EXPORTED and not Path(where).is_dir():
        return _open_exported(Path(where), checkpoint, device)
    from maskrec.inference.open_model import open_model, open_named_backbone, open_run
    from maskrec.inference.stored_decisions import stored_decisions
    from maskrec.plugin.host import discover

    catalog = catalog or discover([Path(file) for file in plugins])
    root = Path(data_root or ".")
    notes: list[str] = []
    if isinstance(where, Mapping) or not os.path.lexists(where):
        model = open_named_backbone(where if isinstance(where, Mapping) else str(where), catalog, root)
        return _with_verbs(model, Decisions(), device, notes)
    path = Path(where)
    if str(path) == path.name and catalog.find(path.name, "backbone"):
        notes.append(f"{path} is opened as the path that exists, not as the backbone of that name")
    if (path / "recipe.yaml").is_file():
        model = open_run(path, catalog, checkpoint)
    elif checkpoint == "last":
        raise UsageError(f"{path} is not a run directory, so it has no last checkpoint; leave out `checkpoint`")
    else:
        model = open_model(path, catalog, root)
    return _with_verbs(model, stored_decisions(path, model), device, notes)


def _open_exported(path: Path, checkpoint: str, device: str) -> FaceModel:
    from maskrec.inference.onnx_network import OnnxNetwork

    if checkpoint == "last":
        raise UsageError(f"{path} is an exported file, which has one set of weights; leave out `checkpoint`")
    network = OnnxNetwork(path)
    return FaceModel(network, network.metadata.decisions, str(path), device)


def _with_verbs(model: Model, decisions: Decisions, device: str, notes: Sequence[str]) -> FaceModel:
    from maskrec.inference.torch_network import TorchNetwork
    from maskrec.runtime.compute import Compute, pick_device

    chosen = pick_device(device, "device")
    network = TorchNetwork(model, Compute(chosen, channels_last=True))
    return FaceModel(network, decisions, model.origin, chosen.type, model, tuple(notes))
