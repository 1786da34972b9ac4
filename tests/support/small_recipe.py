"""A small recipe for the runner's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PIECES = Path(__file__).parents[1] / "training" / "pieces.py"

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
    """SMALL with top-level sections replaced, or removed where None; a row of metrics for each step."""
    recipe = {**SMALL, **(changes or {})}
    recipe["train"] = {"log_every": 1, **recipe["train"]}
    path = folder / name
    path.write_text(yaml.safe_dump({key: value for key, value in recipe.items() if value is not None}))
    return path
