"""A loss that does not return a scalar tensor is refused with the way to return one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maskrec.base.errors import PluginError
from maskrec.contracts.call_loss import call_loss

LOST = ": float(), .item() and .numpy() lose the gradient, so return the tensor itself"


class Answering(nn.Module):
    """Returns what it was made with."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, embeddings: Tensor, labels: Tensor) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (0.5, f"a float; a loss must return a scalar tensor{LOST}"),
        (np.float32(0.5), f"a float32; a loss must return a scalar tensor{LOST}"),
        (None, "None; a loss must return a scalar tensor: end forward with `return`"),
        ((1, 2), "a tuple; a loss must return a scalar tensor alone: its diagnostics() reports other values"),
        ({"loss": 1}, "a dict; a loss must return a scalar tensor alone: its diagnostics() reports other values"),
        ("0.5", "a str; a loss must return a scalar tensor"),
        (torch.zeros(4), "a tensor of shape (4,); a loss must return a scalar tensor: call .mean()"),
        (torch.zeros(1), "a tensor of shape (1,); a loss must return a scalar tensor: call .mean()"),
    ],
)
def test_what_is_not_a_scalar_tensor_is_refused_with_the_way_out(answer: Any, said: str) -> None:
    with pytest.raises(PluginError) as raised:
        call_loss(Answering(answer), torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64))
    assert str(raised.value).endswith(f"returned {said}")
