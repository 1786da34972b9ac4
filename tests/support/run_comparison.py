"""Whether two runs are the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from maskrec.runtime.state_tree import load_tree

TIME_FIELDS = ("time", "images_per_second")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Every whole row of a metrics file."""
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


def rows_without_times(run_dir: Path) -> list[dict[str, Any]]:
    """Metrics rows without times."""
    rows = read_rows(run_dir / "metrics.jsonl")
    return [{key: value for key, value in row.items() if key not in TIME_FIELDS} for row in rows]


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two state trees differ, bit for bit."""
    if isinstance(one, torch.Tensor):
        equal = isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
        return [] if equal else [path]
    if isinstance(one, dict) and isinstance(other, dict):
        missing = [f"{path}/{key}" for key in one.keys() ^ other.keys()]
        return missing + [
            d for key in one.keys() & other.keys() for d in differences(one[key], other[key], f"{path}/{key}")
        ]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(one) != len(other):
            return [path]
        return [d for i, (a, b) in enumerate(zip(one, other, strict=True)) for d in differences(a, b, f"{path}/{i}")]
    return [] if one == other else [path]


def assert_same_run(one: Path, other: Path) -> None:
    """Checkpoints bit for bit, metrics rows except for times."""
    for name in ("last", "best"):
        states = [load_tree(run / "checkpoints" / f"{name}.safetensors") for run in (one, other)]
        for state in states:
            state.pop("metrics_bytes", None)  # rows hold times, whose digits vary
            assert state.pop("run_id")
        assert differences(*states) == []
    assert rows_without_times(one) == rows_without_times(other)


def largest_difference(one: Any, other: Any) -> float:
    """Over the tensors of two state trees of one shape."""
    if isinstance(one, torch.Tensor):
        return float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
    if isinstance(one, dict):
        return max((largest_difference(one[key], other[key]) for key in one), default=0.0)
    return 0.0
