"""The factor that keeps small gradients above zero in float16, found as the run goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

_START = 2.0**16
_LARGEST = 2.0**40  # gradients that are exactly 0 would let it grow for ever
_STEPS_BEFORE_GROWTH = 2000


class LossScale:
    """Multiplies losses before the backward pass and divides gradients after it, as torch.amp.GradScaler does.

    A step whose gradients overflow is skipped and halves the factor, down to 1; 2,000 steps in a row without one double
    it. Unlike GradScaler's, its flag comes from outside: all processes agree on it, also where one alone holds weights.
    (Micikevicius et al., "Mixed Precision Training", ICLR 2018.)

    Args:
        device: of the networks.
        start: the first factor.
        growth_interval: steps without an overflow before it doubles.
    """

    def __init__(
        self, device: torch.device, start: float = _START, growth_interval: int = _STEPS_BEFORE_GROWTH
    ) -> None:
        self.factor = torch.full((), start, dtype=torch.float32, device=device)
        self.steps = torch.zeros((), dtype=torch.int64, device=device)  # in a row without an overflow
        self.growth_interval = growth_interval

    def multiply(self, loss: Tensor) -> Tensor:
        """The loss times the factor."""
        return loss * self.factor

    @torch.no_grad()
    def divide(self, gradients: Iterable[Tensor]) -> None:
        """Divide gradients in place; a power of two, so that nothing is rounded but what becomes too small."""
        kept = list(gradients)
        if kept:
            torch._foreach_mul_(kept, self.factor.reciprocal())

    @torch.no_grad()
    def update(self, overflowed: Tensor, ended: Tensor) -> None:
        """Choose the next step's factor.

        Args:
            overflowed: boolean scalar: whether gradients were not finite, on any process.
            ended: boolean scalar: nothing changes any more.
        """
        grown = self.steps + 1 >= self.growth_interval
        larger = (self.factor * 2).clamp(max=_LARGEST)
        factor = torch.where(overflowed, (self.factor / 2).clamp(min=1), torch.where(grown, larger, self.factor))
        steps = torch.where(overflowed | grown, torch.zeros_like(self.steps), self.steps + 1)
        self.factor = torch.where(ended, self.factor, factor)
        self.steps = torch.where(ended, self.steps, steps)

    def state_dict(self) -> dict[str, Any]:
        """Factor and count, as numbers."""
        return {"factor": float(self.factor), "steps": int(self.steps)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's."""
        self.factor.fill_(state["factor"])
        self.steps.fill_(state["steps"])
