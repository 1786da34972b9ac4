"""The last stage of checking a recipe: one step tried, nothing written."""

from __future__ import annotations

from pathlib import Path

from maskrec.plugin.catalog import Catalog
from maskrec.recipe.plan import Plan
from maskrec.training.assemble import assemble
from maskrec.training.train_step import TrainStep


def dry_run(plan: Plan, catalog: Catalog, data_root: Path) -> None:
    """Stage 4 of checking: one forward and backward pass over the sampler's first batch, nothing written.

    Raises:
        RecipeError, MaskrecError: as `assemble`, and whatever the pass itself runs into.
    """
    TrainStep(assemble(plan, catalog, data_root)).try_first_batch()
