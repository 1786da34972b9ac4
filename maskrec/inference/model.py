"""A model that is used: its network, what it expects to see, and what it decides with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.runtime.state_tree import pack_tree


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """A network with what belongs to it.

    Args:
        network: normalized images ``(B, 3, H, W)`` to embeddings ``(B, d)`` before L2 normalization. One that was
            opened is frozen: in eval mode, without gradients.
        spec: size, statistics and alignment of the images it expects.
        decisions: what was measured when it was evaluated; None where nothing is known.
        origin: where it comes from, in one line for the user.
        checkpoint: whose weights it has, of a run: ``best``, ``last`` or ``previous``; empty for others.
    """

    network: nn.Module
    spec: InputSpec
    decisions: Decisions | None
    origin: str
    checkpoint: str = ""

    def __repr__(self) -> str:
        kind, spec = type(self.network).__name__, self.spec
        return f"Model({self.origin}: {kind}, {spec.size} px, aligned {spec.alignment})"

    @property
    def thresholds(self) -> Mapping[str, Threshold] | None:
        """The decision thresholds of its evaluation, as ``LABEL.NAME``; None where none are known."""
        return (self.decisions.thresholds or None) if self.decisions is not None else None


def frozen_model(backbone: nn.Module, origin: str, decisions: Decisions | None = None, checkpoint: str = "") -> Model:
    """A backbone as a model that is used and not trained: in eval mode, no parameter asks for a gradient."""
    spec: InputSpec = backbone.input_spec  # type: ignore[assignment]
    return Model(backbone.requires_grad_(False).eval(), spec, decisions, origin, checkpoint)


def weights_checksum(network: nn.Module) -> str:
    """SHA-256 of a network's tensors with their names, types and shapes."""
    return pack_tree(dict(network.state_dict())).checksum


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """The network in eval mode; afterwards each of its modules is in the mode that it had before."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
