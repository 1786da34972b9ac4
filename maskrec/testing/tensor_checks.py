"""Tensors that a module was built with: what torch does not know of, it does not train, save or move."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskrec.contracts.component_calls import frozen_modules
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, contract_check
from maskrec.testing.loss_calls import LOSS_PARTS, built_loss


@contract_check("backbone", "loss", "part", parts=LOSS_PARTS, since="0.1")
def tensors_registered(candidate: Candidate) -> None:
    """Every tensor that is drawn when it is built is a parameter or a buffer: trained, saved and on the device."""
    one, other = (_plain_tensors(_built(candidate, seed)) for seed in (0, 1))
    for name, value in one.items():
        if name in other and torch.equal(value, other[name]):  # a constant, which a call may move
            continue
        last = name.rpartition(".")[2]
        raise ContractError(
            f"{name} of {candidate.name} is a tensor that is neither a parameter nor a buffer: it is not trained, not "
            f"saved and stays on the CPU; write self.{last} = nn.Parameter(...), or "
            f'self.register_buffer("{last}", ...) for what is not trained'
        )


def _built(candidate: Candidate, seed: int) -> nn.Module:
    if candidate.kind == "backbone":
        module: nn.Module = candidate.build(seed=seed)
        return module
    return built_loss(candidate, seed=seed)


def _plain_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Tensors in plain attributes of a module that has just been built, its own modules' among them, by their places.

    What it declares as frozen is left out, and so are single numbers, which fit tensors of any device. A tensor that
    requires a gradient is left out too: where it gets one, `parameters_trained` says so.
    """
    found: dict[str, Tensor] = {}
    frozen = {inner for each in frozen_modules(module) for inner in each.modules()}
    for path, inner in module.named_modules():
        if inner in frozen:
            continue
        for name, value in vars(inner).items():
            if isinstance(value, Tensor) and value.ndim and not value.requires_grad:
                found[f"{path}.{name}" if path else name] = value
    return found
