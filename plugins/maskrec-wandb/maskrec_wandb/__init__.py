"""The observer of this plugin. maskrec imports this module to list it, so wandb is not imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_observers() -> list[Component]:
    """The observer."""
    return [Component("wandb", "maskrec_wandb.wandb_observer:WeightsAndBiases", "records the run in Weights & Biases")]
