"""The optimizer with its parameter groups, and the learning rate's schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from maskrec.base.errors import UsageError
from maskrec.recipe.plan import Optimizer, Scheduler
from maskrec.recipe.torch_optim import CONSTANT, UnknownNameError, optimizer_class, scheduler_class


def frozen_modules(loss: nn.Module) -> tuple[nn.Module, ...]:
    """The modules that the loss declares as neither optimised nor saved."""
    frozen = getattr(loss, "frozen", None)
    return tuple(frozen()) if callable(frozen) else ()


def frozen_tensors(loss: nn.Module) -> set[int]:
    """Identities of the parameters and buffers that the loss declares as frozen."""
    modules = frozen_modules(loss)
    return {id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())}


def trained_parameters(loss: nn.Module) -> list[nn.Parameter]:
    """The loss's own parameters without those that it declares as frozen."""
    frozen = frozen_tensors(loss)
    return [weight for weight in loss.parameters() if weight.requires_grad and id(weight) not in frozen]


def parameter_groups(plan: Optimizer, backbone: nn.Module, loss: nn.Module) -> list[dict[str, Any]]:
    """Backbone and loss, each split by whether weight decay acts on it; groups without parameters are left out.

    Vectors (norms' weights, biases) are not decayed unless ``decay_norm_and_bias`` says so.
    """
    sides = {
        "backbone": [weight for weight in backbone.parameters() if weight.requires_grad],
        "loss": trained_parameters(loss),
    }
    groups: list[dict[str, Any]] = []
    for side, weights in sides.items():
        own = dict(plan.groups.get(side, {}))
        decayed = [weight for weight in weights if plan.decay_norm_and_bias or weight.ndim > 1]
        spared = [weight for weight in weights if not plan.decay_norm_and_bias and weight.ndim <= 1]
        if decayed:
            groups.append({"params": decayed, "name": side, **own})
        if spared:
            groups.append({"params": spared, "name": f"{side}, not decayed", **own, "weight_decay": 0.0})
    return groups


def build_optimizer(plan: Optimizer, backbone: nn.Module, loss: nn.Module) -> torch.optim.Optimizer:
    """The optimizer over all trained parameters.

    Raises:
        UsageError: parameters that the optimizer refuses, or nothing to train.
    """
    groups = parameter_groups(plan, backbone, loss)
    if not groups:
        raise UsageError("nothing to train: neither backbone nor loss has a trainable parameter")
    try:
        optimizer: torch.optim.Optimizer = optimizer_class(plan.use)(groups, **plan.parameters)
    except (TypeError, ValueError, UnknownNameError) as error:
        raise UsageError(f"optimizer: {plan.use} refuses its parameters: {error}") from error
    return optimizer


class Schedule:
    """The learning rate over a run: torch's scheduler, behind a linear warm-up.

    Args:
        plan: the recipe's ``scheduler`` section.
        optimizer: the optimizer whose rates are set.
    """

    def __init__(self, plan: Scheduler, optimizer: torch.optim.Optimizer) -> None:
        self.plan, self.optimizer = plan, optimizer
        self.scheduler = _build_scheduler(plan, optimizer)

    @contextmanager
    def rate_at(self, step: int) -> Iterator[float]:
        """The rates of one optimizer step (counted from 0), and the first group's as a number.

        The warm-up's factor is divided out again afterwards: torch's schedulers continue from the rates they find.
        """
        factor = min(1.0, (step + 1) / self.plan.warmup_steps) if self.plan.warmup_steps else 1.0
        rates = [group["lr"] for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        yield float(rates[0] * factor)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def step_ended(self) -> None:
        """Call after each optimizer step."""
        if self.scheduler is not None and self.plan.every == "step":
            self.scheduler.step()

    def epoch_ended(self) -> None:
        """Call after each epoch."""
        if self.scheduler is not None and self.plan.every == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """The state that a resume needs."""
        return self.scheduler.state_dict() if self.scheduler is not None else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state)


def _build_scheduler(plan: Scheduler, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler | None:
    if plan.use == CONSTANT:
        return None
    try:
        scheduler: torch.optim.lr_scheduler.LRScheduler = scheduler_class(plan.use)(optimizer, **plan.parameters)
    except (TypeError, ValueError, UnknownNameError) as error:
        raise UsageError(f"scheduler: {plan.use} refuses its parameters: {error}") from error
    return scheduler
