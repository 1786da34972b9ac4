"""A run of three steps an epoch over pictures of noise, and the files that it wrote."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.runtime.state_tree import load_tree
from maskrec.training.runner import start

PROBES = Path(__file__).parents[1] / "training" / "probes.py"
WATCH: dict[str, Any] = {"use": "watch", "pairs": {"use": "noise_pairs"}}

PROBED: dict[str, Any] = {
    "seed": 5,
    "backbone": {"use": "linear"},
    "data": {"use": "noise"},
    "sampler": {"use": "shuffled", "batch_size": 8},
    "loss": {"use": "push"},
    "transforms": {"note": {"use": "note_batch"}},
    "evaluate": {"held_out": WATCH},
    "observe": {"journal": {"use": "journal"}},
    "optimizer": {"use": "sgd", "lr": 0.01},
    "train": {"epochs": 1, "workers": 0, "device": "cpu"},
}


@functools.cache
def _catalog() -> Catalog:
    return discover([PROBES])


def probe_plan(
    folder: Path,
    changes: dict[str, Any] | None = None,
    *overrides: str,
    name: str = "probed",
    catalog: Catalog | None = None,
) -> Plan:
    """PROBED as a checked recipe, top-level sections replaced, or removed where None; a row for each step."""
    recipe = {**PROBED, **(changes or {})}
    recipe["train"] = {"log_every": 1, **recipe["train"]}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in recipe.items() if value is not None}))
    return resolve(path, catalog=catalog or _catalog(), overrides=overrides, data_root=folder)


def probe(folder: Path, changes: dict[str, Any] | None = None, *overrides: str, name: str = "run") -> Path:
    """That run, in this process; its directory."""
    torch.set_num_threads(1)
    plan = probe_plan(folder, changes, *overrides, name=name)
    return start(plan, _catalog(), folder, folder / name)


def state(run: Path, name: str = "last") -> dict[str, Any]:
    """A checkpoint of the run."""
    tree: dict[str, Any] = load_tree(run / "checkpoints" / f"{name}.safetensors")
    return tree


def rows(run: Path, file: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Of a file of JSON lines in the run's directory."""
    return [json.loads(line) for line in (run / file).read_text(encoding="utf-8").splitlines()]


def column(run: Path, name: str, kind: str = "step") -> list[Any]:
    """One field of the metrics rows of a kind, in order."""
    return [row[name] for row in rows(run) if row["kind"] == kind]


def embedded(run: Path, number: int | str = 0) -> NDArray[np.float32]:
    """What the evaluator was given at its evaluation ``number``, or at its test."""
    array: NDArray[np.float32] = np.load(run / f"embedded-{number}.npy")
    return array


def embed_by_hand(weights: dict[str, Tensor], images: Tensor) -> NDArray[np.float64]:
    """Embeddings in eval mode by the formulas of ``probes.Linear``; images ``(n, 3, 8, 8)`` in [0, 1]."""
    w = {name: tensor.double().numpy() for name, tensor in weights.items()}
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.4, 0.3])
    pixels = (images.double().numpy() - mean[:, None, None]) / std[:, None, None]
    rows = pixels.reshape(len(pixels), -1) @ w["matrix.weight"].T + w["matrix.bias"]
    if "norm.weight" in w:
        rows = (rows - w["norm.running_mean"]) / np.sqrt(w["norm.running_var"] + 1e-5)
        rows = rows * w["norm.weight"] + w["norm.bias"]
    found: NDArray[np.float64] = rows
    return found


def pictures(first: int = 400, count: int = 12) -> Tensor:
    """Pictures of the noise, ``(count, 3, 8, 8)`` in [0, 1]; by default those of the pair set's three people."""
    images = [
        np.random.default_rng(index).integers(0, 256, (3, 8, 8), np.uint8) for index in range(first, first + count)
    ]
    return torch.from_numpy(np.stack(images)) / 255
