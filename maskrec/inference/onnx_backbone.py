"""An exported network as a backbone."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.plain_json import parse_object
from maskrec.base.regular_files import read_regular
from maskrec.base.words import one_line
from maskrec.contracts.input_spec import InputSpec

# All that onnxruntime offers may include TensorRT, which plans for minutes before the first image.
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")

_LARGEST = 2 << 30  # bytes of one ONNX file (protobuf's own limit); weights in other files are not read
_ONLY_FATAL = 4
_FLOATS = "tensor(float)"


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
        content = _content(path)
        there = onnxruntime.get_available_providers()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ONLY_FATAL  # what is wrong comes as an exception as well
        try:
            self.session = onnxruntime.InferenceSession(
                content, options, providers=[provider for provider in PROVIDERS if provider in there]
            )
        except Exception as error:
            said = f"{path} is not an ONNX file that onnxruntime can open ({one_line(error)[:200]})"
            raise UsageError(f"{said}; export the network again, its weights inside the file") from error
        self.path, self.input_spec = path, _input_spec(self.session, path)
        self.input_name, self.one_by_one = _input(self.session, path, self.input_spec.size)
        self.embedding_size = _embedding_size(self.session, path)

    def forward(self, images: Tensor) -> Tensor:
        """Normalized images ``(B, 3, S, S)`` to embeddings ``(B, embedding_size)``, without gradient.

        Raises:
            MaskrecError: the graph fails on them, or returns something else.
        """
        array = images.detach().float().cpu().numpy()
        parts = [array[i : i + 1] for i in range(len(array))] if self.one_by_one else [array]
        rows = torch.cat([self._embed(part) for part in parts]) if parts else torch.empty(0, self.embedding_size)
        return rows.to(images.device, images.dtype)

    def _embed(self, part: NDArray[np.float32]) -> Tensor:
        try:
            (found,) = self.session.run(None, {self.input_name: part})
        except Exception as error:
            raise MaskrecError(f"{self.path}: its graph fails on {part.shape}: {one_line(error)[:200]}") from error
        if found.shape != (len(part), self.embedding_size):
            raise MaskrecError(
                f"{self.path}: its graph returns {found.shape} for {len(part)} images, not "
                f"({len(part)}, {self.embedding_size}) as it announces; export it again"
            )
        return torch.from_numpy(found)


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); name an ONNX file") from error


def _input(session: Any, path: Path, size: int) -> tuple[str, bool]:
    """The input's name, and whether it takes one image at a time."""
    inputs = session.get_inputs()
    fits = len(inputs) == 1 and inputs[0].type == _FLOATS and len(inputs[0].shape) == 4
    if fits:
        sides = zip(inputs[0].shape[1:], (3, size, size), strict=True)
        fits = all(not isinstance(side, int) or side == expected for side, expected in sides)
    if not fits:
        there = ", ".join(f"{each.type} {each.shape}" for each in inputs) or "none"
        raise UsageError(f"{path}: expected one input of float (N, 3, {size}, {size}), its graph has {there}")
    return str(inputs[0].name), inputs[0].shape[0] == 1


def _embedding_size(session: Any, path: Path) -> int:
    outputs = session.get_outputs()
    fits = len(outputs) == 1 and outputs[0].type == _FLOATS and len(outputs[0].shape) == 2
    if not fits or not isinstance(outputs[0].shape[1], int) or outputs[0].shape[1] < 1:
        there = ", ".join(f"{each.type} {each.shape}" for each in outputs) or "none"
        raise UsageError(f"{path}: expected one output of float (N, embedding size), its graph has {there}")
    return int(outputs[0].shape[1])


def _input_spec(session: Any, path: Path) -> InputSpec:
    text = session.get_modelmeta().custom_metadata_map.get("maskrec.input_spec")
    if text is None:
        raise UsageError(
            f"{path} does not say how its input is normalised; add the metadata entry maskrec.input_spec, "
            'JSON like {"size": 112, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "alignment": "arcface"}'
        )
    try:
        fields = parse_object(text)
        if not isinstance(fields.get("size"), int):
            raise ValueError("its size is not a whole number")
        if not all(_are_numbers(fields[name]) for name in ("mean", "std") if name in fields):
            raise ValueError("its mean and std are not lists of finite numbers")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return InputSpec(**plain)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: its metadata entry maskrec.input_spec cannot be used: {error}") from error


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) in (int, float) and isfinite(value) for value in values)
