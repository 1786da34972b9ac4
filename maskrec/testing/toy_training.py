"""A linear map as the network, trained for a few steps with a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskrec.testing.candidate import EMBEDDING_SIZE
from maskrec.testing.loss_calls import LABELS, gradients_of, value_of
from maskrec.testing.small_batches import LossInput, loss_input
from maskrec.training.steps.optimizing import trained_parameters

_FEATURES = 12
_RATE = 0.03


def losses_of_steps(loss: nn.Module, steps: int) -> list[float]:
    """The loss before each step and after the last one.

    Of the samples' features a third say which of four groups they are in, and the others are larger and say nothing;
    a linear map can leave these out. So at first strangers are as near to each other as samples of one group.

    Args:
        loss: in float64; trained too.
        steps: how many, on one batch of 24 samples.
    """
    generator = torch.Generator().manual_seed(4)
    given = loss_input(LABELS * 2, dtype=torch.float64)
    count = len(given.labels)
    centres = torch.eye(4, dtype=torch.float64)[given.labels] * 2
    noise, others, start = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((count, 4), (count, _FEATURES - 4), (_FEATURES, EMBEDDING_SIZE))
    )
    features = torch.cat([centres + 0.1 * noise, 2 * others], dim=1)
    network = (start / 4).requires_grad_()
    weights = [network, *trained_parameters(loss)]
    values = []
    for _ in range(steps):
        value = value_of(loss, _embedded(given, features, network))
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
        _step(weights)
        values.append(float(value.detach()))
    return [*values, float(value_of(loss, _embedded(given, features, network)).detach())]


def _embedded(given: LossInput, features: Tensor, network: Tensor) -> LossInput:
    return given.with_embeddings(features @ network)


@torch.no_grad()
def _step(weights: Sequence[Tensor]) -> None:
    """Move every number by ``_RATE`` against its gradient's sign, whatever the scale of the loss is.

    As Adam's first steps do; torch's optimizers import its compiler, which takes longer than all of the checks.
    """
    for weight in weights:
        if weight.grad is not None:
            weight.sub_(weight.grad.sign(), alpha=_RATE)
        weight.grad = None


def trained_state(loss: nn.Module) -> dict[str, Any]:
    """The state of the loss after two steps of SGD, which are done here."""
    for seed in (1, 2):
        gradients_of(loss, loss_input(LABELS, seed, torch.float64))
        with torch.no_grad():
            for weight in trained_parameters(loss):
                if weight.grad is not None:
                    weight.sub_(weight.grad, alpha=0.1)
    return {name: _copied(value) for name, value in loss.state_dict().items()}


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
