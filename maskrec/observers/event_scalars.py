"""What trackers show of an event: numbers by name, the same names in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskrec.contracts.events import EpochEnded, Evaluated, Stepped


def step_scalars(event: Stepped) -> dict[str, float]:
    """Of the steps since the last event: ``train/...``, and what components report.

    The loss's diagnostics are ``loss/...``, those of others begin with their place.
    """
    scalars = {
        "train/loss": event.loss,
        "train/learning_rate": event.learning_rate,
        "train/images_per_second": event.images_per_second,
        **{f"loss/{name}": value for name, value in event.diagnostics.items()},
        **event.scalars,
    }
    if event.gradient_norm is not None:
        scalars["train/gradient_norm"] = event.gradient_norm
    return scalars


def evaluation_scalars(event: Evaluated) -> dict[str, float]:
    """An evaluation's metrics as ``LABEL/...`` and its thresholds as ``LABEL/threshold/...``."""
    place, answer = place_of_evaluation(event), event.evaluation
    metrics = {f"{place}/{name}": value for name, value in answer.metrics.items()}
    return metrics | {f"{place}/threshold/{name}": each.value for name, each in answer.thresholds.items()}


def evaluation_figures(event: Evaluated) -> Mapping[str, bytes]:
    """An evaluation's figures, PNG, as ``LABEL/...``."""
    place = place_of_evaluation(event)
    return {f"{place}/{name}": png for name, png in event.evaluation.figures.items()}


def place_of_evaluation(event: Evaluated) -> str:
    """``LABEL`` on evaluation pairs, ``LABEL/test`` on test pairs."""
    return event.label if event.stage == "evaluate" else f"{event.label}/{event.stage}"


def epoch_scalars(event: EpochEnded) -> dict[str, float]:
    """An epoch's mean loss as ``epoch/loss``."""
    return {"epoch/loss": event.loss}
