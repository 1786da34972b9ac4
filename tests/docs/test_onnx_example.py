"""docs/onnx_example.py runs as it stands, with numpy, onnxruntime and pillow only."""

from __future__ import annotations

import ast
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.export_model import export
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.exported.run_export import cartoon_faces
from maskrec.inference.model import frozen_model

EXAMPLE = Path(__file__).parents[2] / "docs" / "onnx_example.py"


class Linear(nn.Module):
    embedding_size = 8

    def __init__(self, color: str) -> None:
        super().__init__()
        self.input_spec = InputSpec(24, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), color)  # type: ignore[arg-type]
        self.weight = nn.Parameter(torch.randn(3 * 24 * 24, 8, generator=torch.Generator().manual_seed(0)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.weight


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_the_example_prints_the_distance(
    color: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = frozen_model(Linear(color), "linear")
    thresholds = {"a.bare": Threshold(1.1, "l2", True, "s"), "a.raw": Threshold(9.0, "l2", False, "s")}
    faces = cartoon_faces(model.spec, "a test")
    export(model, Decisions(thresholds=thresholds), tmp_path / "net.onnx", lambda: faces)
    for number in (0, 1):
        Image.fromarray(faces.canvases[number]).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(sys, "argv", ["onnx_example.py", *(str(tmp_path / n) for n in ("net.onnx", "0.png", "1.png"))])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    rows = OnnxNetwork(tmp_path / "net.onnx").embed(faces.canvases[:2]).astype(np.float64)
    one, other = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"distance {np.linalg.norm(one - other):.4f}; aligned as none"
    assert json.loads(second.replace("'", '"')) == {"a.bare": 1.1}


def test_the_example_is_short_and_needs_little() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 20
    names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.name for node in names if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in names if isinstance(node, ast.ImportFrom)}
    assert imported == {"json", "sys", "numpy", "onnxruntime", "PIL"}
