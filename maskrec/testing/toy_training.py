"""A linear map as the network, trained for a few steps with a loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from maskrec.testing.candidate import EMBEDDING_SIZE
from maskrec.testing.loss_calls import LABELS, gradients_of, value_of
from maskrec.testing.small_batches import LossInput, loss_input
from maskrec.training.optimizing import trained_parameters

_FEATURES = 12
_RATE = 0.03


def losses_of_steps(loss: nn.Module, steps: int) -> list[float]:
    """The loss before each step and after the last one.

    The samples' features are four groups that a linear map separates, and lie close together at first: in every
    network's beginning all faces look alike.

    Args:
        loss: in float64; trained too.
        steps: of Adam, on one batch of 24 samples.
    """
    generator = torch.Generator().manual_seed(4)
    given = loss_input(LABELS * 2, dtype=torch.float64)
    centres, noise, common, start = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((4, _FEATURES), (len(given.labels), _FEATURES), (_FEATURES,), (_FEATURES, EMBEDDING_SIZE))
    )
    features = 3 * common + centres[given.labels] + 0.2 * noise
    network = (start / 4).requires_grad_()
    optimizer = torch.optim.Adam([network, *trained_parameters(loss)], lr=_RATE)
    values = []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        value = value_of(loss, _embedded(given, features, network))
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        values.append(float(value.detach()))
    return [*values, float(value_of(loss, _embedded(given, features, network)).detach())]


def _embedded(given: LossInput, features: Tensor, network: Tensor) -> LossInput:
    return given.with_embeddings(features @ network)


def trained_state(loss: nn.Module) -> dict[str, Any]:
    """The state of the loss after two steps of SGD, which are done here."""
    for seed in (1, 2):
        gradients_of(loss, loss_input(LABELS, seed, torch.float64))
        with torch.no_grad():
            for weight in trained_parameters(loss):
                if weight.grad is not None:
                    weight -= 0.1 * weight.grad
    return {name: _copied(value) for name, value in loss.state_dict().items()}


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
