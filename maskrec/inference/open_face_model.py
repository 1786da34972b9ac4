"""``maskrec.open``: a run, an exported file, a model folder or a backbone with weights as a model with verbs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from maskrec.base.errors import SettingError, UsageError
from maskrec.base.words import type_shown
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.face_model import FaceModel
from maskrec.inference.model_forms import EXPORTED, MODELS_AND_BACKBONES, require_model, unknown_model

if TYPE_CHECKING:
    from maskrec.inference.exported.export_parity import Parity
    from maskrec.inference.model import Model
    from maskrec.plugin.catalog import Catalog


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
        where: a run directory, an exported ``.onnx`` file, a model folder as ``maskrec evaluate --out`` writes it, a
            recipe whose backbone finds trained weights, or a registered backbone with weights: its name, or
            ``{"use": NAME, ...}``. A path that exists comes before a backbone's name.
        checkpoint: of a run: its best weights, or its last ones, which have no thresholds.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        plugins: Python files that declare components, as ``--plugin`` takes them.
        data_root: what paths of a backbone's parameters are relative to; by default the current folder.
        catalog: instead of the installed plugins and ``plugins``.

    Raises:
        UsageError: nothing that can be opened is there, or it does not fit what is installed.
    """
    if not isinstance(where, (str, Path, Mapping)):
        raise UsageError(
            f"expected a path, a backbone's name or a map such as {{'use': NAME}}, not {type_shown(where)}"
        )
    if isinstance(where, (str, Path)) and Path(where).suffix.lower() == EXPORTED and not Path(where).is_dir():
        return _open_exported(Path(where), checkpoint, device)
    from maskrec.plugin.host import discover

    catalog = catalog or discover([Path(file) for file in plugins])
    root = Path(data_root or ".")
    if isinstance(where, (str, Path)) and not os.path.lexists(where) and not catalog.find(str(where), "backbone"):
        raise unknown_model(where, catalog)  # before torch is imported, which takes seconds
    from maskrec.inference.open_model import open_model, open_run
    from maskrec.inference.unfinished_run import unfinished_notes

    if isinstance(where, Mapping) or not os.path.lexists(where):
        return _with_verbs(_named_backbone(where, catalog, root), None, catalog, device)
    path = Path(where)
    require_model(path, MODELS_AND_BACKBONES)
    notes = []
    if str(path) == path.name and catalog.find(path.name, "backbone"):
        notes.append(f"{path} is opened as the path that exists, not as the backbone of that name")
    if (path / "recipe.yaml").is_file():
        run = open_run(path, catalog, "last" if checkpoint == "last" else "")
        notes += unfinished_notes(path, run.checkpoint)
        return _with_verbs(run, path, catalog, device, notes)
    if checkpoint == "last":
        raise SettingError(f"{path} is not a run directory, so it has no last checkpoint; leave out ", "checkpoint")
    return _with_verbs(open_model(path, catalog, root), path, catalog, device, notes)


def _named_backbone(where: str | Path | Mapping[str, Any], catalog: Catalog, root: Path) -> Model:
    """A registered backbone with weights.

    Raises:
        UsageError: a backbone with random weights, or one that cannot be built.
    """
    from maskrec.inference.open_model import open_named
    from maskrec.recipe.backbone_only import resolve_written_backbone

    written = {"use": str(where)} if not isinstance(where, Mapping) else dict(where)
    name = str(written.get("use", ""))
    text = json.dumps(written, default=str)
    named = resolve_written_backbone(text, "the model", catalog=catalog, data_root=root)
    return open_named(named, f"the backbone {name}", catalog, root)


def _open_exported(path: Path, checkpoint: str, device: str) -> FaceModel:
    from maskrec.inference.exported.onnx_network import OnnxNetwork

    if checkpoint == "last":
        raise SettingError(f"{path} is an exported file, which has one set of weights; leave out ", "checkpoint")
    network = OnnxNetwork(path)
    return FaceModel(network, network.metadata.decisions, str(path), device)


def _with_verbs(
    model: Model, where: Path | None, catalog: Catalog, device: str, notes: Sequence[str] = ()
) -> FaceModel:
    from maskrec.inference.torch_network import TorchNetwork
    from maskrec.runtime.compute import Compute, pick_device

    def export(out: Path, licence: str | None) -> Parity | None:
        from maskrec.inference.exported.onnx_metadata import NOT_STATED
        from maskrec.inference.exported.run_export import export_opened

        return export_opened(model, where, catalog, out, licence or NOT_STATED)

    chosen = pick_device(device, "device")
    network = TorchNetwork(model, Compute(chosen, channels_last=True))
    decisions = model.decisions or Decisions()
    return FaceModel(network, decisions, model.origin, chosen.type, export, model, tuple(notes))
