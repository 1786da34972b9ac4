"""A run's start from another run's backbone weights."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from torch import nn

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.open_model import open_run
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.plan import Opened
from maskrec.runtime.weight_files import load_weights


def load_initial_weights(backbone: nn.Module, init: Opened, catalog: Catalog, data_root: Path) -> None:
    """Start from another run's backbone weights; that its faces are placed or normalised otherwise is said.

    Raises:
        UsageError: not a run, or one whose backbone differs.
    """
    if init.source != "run":
        raise UsageError("init takes a run directory, not an exported file")
    source = open_run(data_root / init.location, catalog, decide=False).network
    load_weights(backbone, source.state_dict(), f"init: {init.location}")
    _say_other_images(source.input_spec, backbone.input_spec, init)  # type: ignore[arg-type]


def _say_other_images(theirs: InputSpec, ours: InputSpec, init: Opened) -> None:
    """Say in what the images differ that both networks expect; the size does not count."""
    names = [each.name for each in fields(ours) if each.name != "size"]
    others = [f"{name}: {getattr(theirs, name)}" for name in names if getattr(theirs, name) != getattr(ours, name)]
    if others:
        said = f"was trained on other images than this run ({', '.join(others)} there)"
        say(f"note: init: {init.location} {said}", error=True)
