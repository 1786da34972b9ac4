"""A plugin file with the smallest network that can be a teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec import Component, InputSpec, hookimpl


@hookimpl
def maskrec_backbones() -> list[Component]:
    return [Component("tiny_teacher", ":TinyTeacher", "a linear map of 4 x 4 mean colours, 8-d")]


class TinyTeacher(nn.Module):
    """A linear map of the mean colours of 16 places, after a batch norm that would move in training mode."""

    embedding_size = 8
    input_spec = InputSpec(size=16)

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(48)
        self.map = nn.Linear(48, 8)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, 16, 16)`` to ``(B, 8)``."""
        mapped: Tensor = self.map(self.norm(F.adaptive_avg_pool2d(images, 4).flatten(1)))
        return torch.tanh(mapped)
