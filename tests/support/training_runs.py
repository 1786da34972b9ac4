"""A small recipe and a way to run it in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_recipe import PIECES, write_recipe

from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.runner import resume, start


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
