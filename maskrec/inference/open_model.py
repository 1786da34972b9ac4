"""A run or an exported file opened as a backbone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.recipe.plan import Opened
from maskrec.runtime.weight_files import load_weights, read_checkpoint

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog


def open_backbone(opened: Opened, *, catalog: Catalog, data_root: Path) -> nn.Module:
    """The frozen backbone, in eval mode.

    Raises:
        UsageError: there is no run or file, or it does not fit what is installed.
    """
    location = data_root / opened.location
    if opened.source == "file":
        return OnnxBackbone(location)
    backbone = open_run(location, catalog)
    backbone.requires_grad_(False)
    return backbone.eval()


def open_run(run_dir: Path, catalog: Catalog) -> nn.Module:
    """The backbone of a run directory with its best weights (its last ones where no epoch was chosen yet).

    Raises:
        UsageError: not a run directory, no checkpoint in it, or weights that do not fit its recipe.
    """
    from maskrec.runtime.run_directory import read_plan

    plan, data_root = read_plan(run_dir, catalog)
    if isinstance(plan.backbone, Opened):
        return open_backbone(plan.backbone, catalog=catalog, data_root=data_root)
    backbone = _build(plan, catalog, data_root)
    for name in ("best", "last"):
        path = run_dir / "checkpoints" / f"{name}.safetensors"
        if path.exists():
            state = read_checkpoint(path)
            weights = state.get("ema") or state["backbone"]
            load_weights(backbone, weights, str(path))
            return backbone
    raise UsageError(f"{run_dir} has no checkpoint yet; continue the run until it writes one")


def _build(plan: Any, catalog: Catalog, data_root: Path) -> nn.Module:
    from maskrec.contracts.context import Context
    from maskrec.runtime.builder import Builder

    def refuse(opened: Opened) -> nn.Module:
        return open_backbone(opened, catalog=catalog, data_root=data_root)

    givens = {"seed": plan.seed, "image_size": plan.image_size}
    backbone: nn.Module = Builder(
        catalog, plan.seed, Context(data_root=data_root, restoring=True), refuse, givens
    ).build(plan.backbone)
    return backbone


def load_initial_weights(backbone: nn.Module, init: Opened, catalog: Catalog, data_root: Path) -> None:
    """Start from another run's backbone weights.

    Raises:
        UsageError: it is not a run, or its backbone differs.
    """
    if init.source != "run":
        raise UsageError("init takes a run directory, not an exported file")
    source = open_run(data_root / init.location, catalog)
    load_weights(backbone, source.state_dict(), f"init: {init.location}")


class OnnxBackbone(nn.Module):
    """An exported network, run by onnxruntime; it cannot be trained.

    Args:
        path: the ONNX file: one input ``(N or 1, 3, S, S)``, one output ``(N or 1, d)``, and metadata
            ``maskrec.input_spec`` with ``InputSpec``'s fields as JSON.

    Raises:
        UsageError: the file or onnxruntime is missing, or the graph or metadata has another form.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise UsageError(f"{path} needs onnxruntime; pip install 'maskrec[onnx]'") from error
        if not path.is_file():
            raise UsageError(f"{path} does not exist")
        try:
            self.session = onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
        except Exception as error:
            raise UsageError(f"{path} is not an ONNX file that onnxruntime can open") from error
        self.input_spec = _onnx_spec(self.session, path)
        (output,) = self.session.get_outputs()
        self.embedding_size = int(output.shape[-1])
        entry = self.session.get_inputs()[0]
        self.input_name, self.one_by_one = entry.name, entry.shape[0] == 1

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, S, S)`` to embeddings ``(B, embedding_size)``, without gradient."""
        array = images.detach().float().cpu().numpy()
        parts = [array[i : i + 1] for i in range(len(array))] if self.one_by_one else [array]
        rows = [torch.from_numpy(self.session.run(None, {self.input_name: part})[0]) for part in parts]
        return torch.cat(rows).to(images.device, images.dtype)


def _onnx_spec(session: Any, path: Path) -> InputSpec:
    text = session.get_modelmeta().custom_metadata_map.get("maskrec.input_spec")
    if text is None:
        raise UsageError(
            f"{path} does not say how its input is normalised; add the metadata entry maskrec.input_spec, "
            'JSON like {"size": 112, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "alignment": "arcface"}'
        )
    try:
        fields = json.loads(text)
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return InputSpec(**plain)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: its metadata entry maskrec.input_spec cannot be used: {error}") from error
