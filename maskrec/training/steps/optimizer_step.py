"""An optimizer's step that is left out where a flag on the device says so."""

from __future__ import annotations

import torch
from torch import Tensor


def takes_flag(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the optimizer itself leaves everything as it is where a flag on the device is set.

    Fused ones do, as torch.amp's GradScaler knows by the same attribute; a checkpoint may have brought other settings.
    """
    able = bool(getattr(optimizer, "_step_supports_amp_scaling", False))
    return able and all(group.get("fused") for group in optimizer.param_groups)


def step_unless(optimizer: torch.optim.Optimizer, skipped: Tensor) -> bool | None:
    """Take the optimizer's step unless the boolean scalar ``skipped`` is true.

    The flag is read here, which waits for the device, where the optimizer cannot take it; and where it would begin a
    state, as in the first step: a state that was begun for a step that is skipped would be saved.

    Returns:
        Whether the step was skipped; None where nobody has read it.
    """
    if not takes_flag(optimizer) or _begins(optimizer):
        if skipped:
            return True
        _begin_late_momentum(optimizer)
        optimizer.step()
        return False
    optimizer.found_inf = skipped.float()  # type: ignore[attr-defined]
    try:
        optimizer.step()
    finally:
        del optimizer.found_inf  # type: ignore[attr-defined]
    return None


def _begins(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a weight with a gradient has no state yet, in an optimizer that keeps some."""
    if len(optimizer.state) == sum(len(group["params"]) for group in optimizer.param_groups):
        return False  # all have one: no need to look for each, in every step
    return any(
        weight.grad is not None and weight not in optimizer.state
        for group in optimizer.param_groups
        if not (isinstance(optimizer, torch.optim.SGD) and group["momentum"] == 0)
        for weight in group["params"]
    )


def _begin_late_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Fused SGD cannot begin with some of a group's weights: those that come later have a momentum of 0 until then."""
    if not isinstance(optimizer, torch.optim.SGD) or not takes_flag(optimizer):
        return
    for group in optimizer.param_groups:
        new = [weight for weight in group["params"] if weight.grad is not None and weight not in optimizer.state]
        if group["momentum"] and any(weight in optimizer.state for weight in group["params"]):
            for weight in new:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)


def match_layouts(optimizer: torch.optim.Optimizer) -> None:
    """Bring the state of each weight into the weight's memory format, which fused kernels take for granted.

    Files hold tensors without gaps in the usual order, so a state that was read has lost it.
    """
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape and value.stride() != weight.stride():
                state[name] = torch.empty_like(weight, dtype=value.dtype, device=value.device).copy_(value)
