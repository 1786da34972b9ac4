"""The moving average of the backbone's weights, updated by steps that are taken."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def moving_average(backbone: nn.Module, decay: float | None) -> Any:
    """timm's ``ModelEmaV3`` over a copy of the backbone; None where the recipe asks for none."""
    if decay is None:
        return None
    from timm.utils.model_ema import ModelEmaV3

    return ModelEmaV3(backbone, decay=decay)


@torch.no_grad()
def update_unless(average: Any, backbone: nn.Module, skipped: Tensor) -> None:
    """As ``average.update(backbone)`` where the boolean scalar ``skipped`` is false; it is not read.

    Args:
        average: what `moving_average` made.
        backbone: the network, whose weights and buffers a skipped step has left as they were.
        skipped: on the device.
    """
    own, new = average.module.state_dict(), backbone.state_dict()
    real = [name for name, value in own.items() if value.is_floating_point()]
    for name in own.keys() - set(real):
        own[name].copy_(new[name])
    for dtype in {own[name].dtype for name in real}:
        mine = [own[name] for name in real if own[name].dtype == dtype]
        share = torch.where(skipped, 0.0, 1.0 - average.decay).to(dtype)
        apart = torch._foreach_sub([new[name] for name in real if own[name].dtype == dtype], mine)
        torch._foreach_mul_(apart, share)
        torch._foreach_add_(mine, apart)
