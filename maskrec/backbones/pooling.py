"""From feature maps to one vector."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["avg", "gem"]


class GeM(nn.Module):
    """Generalised mean ``mean(x**p)**(1/p)`` over space, per channel, with a learned p.

    Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", 2018. p = 1 is the average,
    large p approaches the maximum.

    Args:
        p: the initial value, above 0.
        floor: smaller values are raised to this before the power, whose slope at 0 is unbounded for p below 1.
    """

    def __init__(self, p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([float(p)]))
        self.floor = floor

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C)``, computed in float32 (float64 stays) and returned in the maps' type."""
        with torch.autocast(maps.device.type, enabled=False):
            values = maps if maps.dtype == torch.float64 else maps.float()
            p = self.p.to(values.dtype)
            pooled = values.clamp(min=self.floor).pow(p).mean(dim=(2, 3)).pow(1 / p)
        return pooled.to(maps.dtype)


class Average(nn.Module):
    """The mean over space."""

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C)``."""
        return maps.mean(dim=(2, 3))


def make_pooling(pooling: Pooling) -> nn.Module:
    """The pooling module of that name."""
    return GeM() if pooling == "gem" else Average()
