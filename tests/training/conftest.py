"""A small recipe and a way to run it in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.runner import resume, start

PIECES = Path(__file__).with_name("pieces.py")

SMALL: dict[str, Any] = {
    "seed": 5,
    "image_size": 32,
    "backbone": {"use": "plain"},
    "data": {"use": "synthetic_faces", "identities": 6, "images_per_identity": 8},
    "sampler": {"use": "shuffled", "batch_size": 16},
    "loss": {"use": "arcface", "scale": 16.0, "margin": 0.2},
    "transforms": {"flip": {"use": "horizontal_flip"}, "mask": {"use": "synthetic_mask"}},
    "evaluate": {
        "held_out": {
            "use": "meter",
            "pairs": {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 20},
        }
    },
    "optimizer": {"use": "sgd", "lr": 0.05, "momentum": 0.9},
    "train": {"epochs": 2, "workers": 0, "checkpoint_every": 2},
}


def write_recipe(folder: Path, changes: dict[str, Any] | None = None, name: str = "small.yaml") -> Path:
    """SMALL with top-level sections replaced, or removed where None."""
    recipe = {**SMALL, **(changes or {})}
    path = folder / name
    path.write_text(yaml.safe_dump({key: value for key, value in recipe.items() if value is not None}))
    return path


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Path]:
    """``train(run_name, changes, *overrides)`` runs SMALL in this process and returns the run directory."""
    torch.set_num_threads(1)

    def call(name: str, changes: dict[str, Any] | None = None, *overrides: str, **options: Any) -> Path:
        catalog = discover([PIECES])
        recipe = write_recipe(tmp_path, changes, f"{name}.yaml")
        plan = resolve(recipe, catalog=catalog, overrides=overrides, data_root=tmp_path)
        return start(plan, catalog, tmp_path, tmp_path / name, **options)

    return call


@pytest.fixture
def go_on() -> Callable[..., Path]:
    """``go_on(run_dir, epochs=3)`` resumes in this process."""

    def call(run_dir: Path, allow_drift: bool = False, plugin: Path = PIECES, **changes: Any) -> Path:
        return resume(run_dir, discover([plugin]), changes, allow_drift=allow_drift)

    return call
