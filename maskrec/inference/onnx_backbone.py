"""An exported network as a backbone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec

# All that onnxruntime offers may include TensorRT, which plans for minutes before the first image.
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")


class OnnxBackbone(nn.Module):
    """An exported network, run by onnxruntime; it cannot be trained.

    Args:
        path: the ONNX file: one input ``(N or 1, 3, S, S)``, one output ``(N or 1, d)``, and metadata
            ``maskrec.input_spec`` with ``InputSpec``'s fields as JSON.

    Raises:
        UsageError: no such file, onnxruntime missing, or a graph or metadata of another form.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise UsageError(f"{path} needs onnxruntime; pip install 'maskrec[onnx]'") from error
        if not path.is_file():
            raise UsageError(f"{path} does not exist")
        there = onnxruntime.get_available_providers()
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), providers=[provider for provider in PROVIDERS if provider in there]
            )
        except Exception as error:
            raise UsageError(f"{path} is not an ONNX file that onnxruntime can open") from error
        self.input_spec = _input_spec(self.session, path)
        (output,) = self.session.get_outputs()
        self.embedding_size = int(output.shape[-1])
        entry = self.session.get_inputs()[0]
        self.input_name, self.one_by_one = entry.name, entry.shape[0] == 1

    def forward(self, images: Tensor) -> Tensor:
        """Normalized images ``(B, 3, S, S)`` to embeddings ``(B, embedding_size)``, without gradient."""
        array = images.detach().float().cpu().numpy()
        parts = [array[i : i + 1] for i in range(len(array))] if self.one_by_one else [array]
        rows = [torch.from_numpy(self.session.run(None, {self.input_name: part})[0]) for part in parts]
        return torch.cat(rows).to(images.device, images.dtype)


def _input_spec(session: Any, path: Path) -> InputSpec:
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
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: its metadata entry maskrec.input_spec cannot be used: {error}") from error
