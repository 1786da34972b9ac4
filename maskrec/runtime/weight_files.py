"""Checkpoint files: written with their thresholds beside them, read back, and their weights put into a module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from maskrec.base.errors import UsageError
from maskrec.base.files import write_json
from maskrec.runtime.state_tree import load_tree, save_tree


def load_weights(module: nn.Module, weights: Mapping[str, Any], what: str) -> None:
    """Copy weights into a module.

    Raises:
        UsageError: names or shapes differ; says the first few.
    """
    own = module.state_dict()
    wrong = sorted(set(own) ^ set(weights))
    wrong += [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if wrong:
        raise UsageError(
            f"{what} does not fit: {len(wrong)} tensors differ in name or shape, the first is {wrong[0]!r}; "
            "the recipe's backbone or its number of identities has changed"
        )
    module.load_state_dict(dict(weights))


def save_checkpoint(path: Path, state: Mapping[str, Any], evaluations: Mapping[str, Any]) -> None:
    """Write a checkpoint, then its thresholds as JSON beside it (the same are inside; that file is for reading)."""
    save_tree({**state, "evaluations": dict(evaluations)}, path)
    thresholds = {label: plain["thresholds"] for label, plain in evaluations.items()}
    write_json(path.with_name(f"{path.stem}.thresholds.json"), thresholds)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU.

    Raises:
        UsageError: missing, damaged or not a checkpoint.
    """
    state: dict[str, Any] = load_tree(path)
    return state
