"""Errors of a component's code that say how they are fixed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskrec.base.errors import PluginError
from maskrec.contracts.call_into import call_into


class _Forgetful(nn.Module):
    def __init__(self, attribute: object) -> None:
        self.attribute = attribute


@pytest.mark.parametrize("attribute", [nn.Linear(1, 1), nn.Parameter(torch.zeros(1))])
def test_a_module_that_was_not_initialised_first(attribute: object) -> None:
    said = (
        r"^loss: mine could not be built: AttributeError: .* \(.*test_call_into\.py:15\); call super\(\)\.__init__\(\)"
    )
    with pytest.raises(PluginError, match=said), call_into("loss: mine", "could not be built", _Forgetful):
        _Forgetful(attribute)


def test_another_error_has_no_such_hint() -> None:
    with pytest.raises(PluginError, match=r"ValueError: odd \(.*\)$"), call_into("loss: mine", "failed in forward"):
        raise ValueError("odd")
