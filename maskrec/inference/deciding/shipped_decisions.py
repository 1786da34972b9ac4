"""What a plugin measured with the weights that its backbone finds by itself, shipped as a model folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.model_folder import read_model_folder
from maskrec.inference.model import weights_checksum


@dataclass(frozen=True, slots=True, eq=False)
class ShippedDecisions:
    """What a backbone's plugin says.

    Args:
        decisions: of the backbone's weights; None where nothing is shipped for these.
        notes: why what is shipped is not used; whole sentences.
    """

    decisions: Decisions | None = None
    notes: tuple[str, ...] = ()


def shipped_folder(backbone: nn.Module) -> Path | None:
    """The backbone's attribute ``model_folder``: a folder as ``maskrec evaluate --out`` writes it."""
    place = getattr(backbone, "model_folder", None)
    return None if place is None else Path(place)


def shipped_decisions(backbone: nn.Module, provider: str) -> ShippedDecisions:
    """What the plugin ships for the backbone as it was built.

    Args:
        backbone: with its weights.
        provider: the plugin, in words.

    Raises:
        UsageError: the folder cannot be read.
    """
    place = shipped_folder(backbone)
    if place is None:
        return ShippedDecisions()
    folder = read_model_folder(place)
    alike = folder.input_spec == backbone.input_spec
    if not alike or folder.weights.sha256 != weights_checksum(backbone):
        other = "weights" if alike else "images (size, alignment or colours)"
        note = f"the thresholds and error rates of {provider} are for other {other} and are ignored"
        return ShippedDecisions(None, (f"{note}; measure this model with maskrec evaluate",))
    return ShippedDecisions(replace(folder.decisions, stated_by=provider))
