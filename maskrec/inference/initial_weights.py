"""A backbone that starts from another run's weights."""

from __future__ import annotations

from dataclasses import fields, replace
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
    specs: list[InputSpec] = [source.input_spec, backbone.input_spec]  # type: ignore[list-item]
    theirs, ours = (replace(spec, size=1) for spec in specs)
    if theirs != ours:
        others = ", ".join(
            f"{each.name}: {getattr(theirs, each.name)}"
            for each in fields(theirs)
            if getattr(theirs, each.name) != getattr(ours, each.name)
        )
        say(f"note: init: {init.location} was trained on other images than this run ({others} there)", error=True)
