"""The reading benchmark gives both sides the same work, whichever faces it has."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from maskrec.faces.alignment import arcface_template, similarity_transforms
from maskrec.images.canvas import moves_nothing


def test_drawn_faces_are_aligned_as_photos_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours would warp each of them, and the peer only decodes."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    bench = importlib.import_module("bench_reading")
    monkeypatch.setattr(bench, "DISTINCT", 64)
    found = list(bench.faces(64, tmp_path / "no photos here"))
    points = np.stack([landmarks for _, _, landmarks in found]).round(2).astype(np.float64)
    assert moves_nothing(similarity_transforms(points, arcface_template(64)), (64, 64)).all()
    assert {image.shape for _, image, _ in found} == {(64, 64, 3)}
    for name in ("bench_reading", "rows"):
        sys.modules.pop(name)
