"""What a loss must do over the steps of a run, and in several processes; see ``loss_checks``."""

from __future__ import annotations

import random

import numpy as np
import torch

from maskrec.contracts.component_calls import frozen_modules
from maskrec.testing.candidate import CLASSES, Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check
from maskrec.testing.loss_calls import (
    LABELS,
    LOSS_PARTS,
    built_loss,
    gradients_of,
    portable,
    steps_in_parts,
    value_of,
)
from maskrec.testing.loss_comparison import differing, whole_of_parts
from maskrec.testing.process_pair import PairError, process_pair
from maskrec.testing.small_batches import loss_input
from maskrec.testing.toy_training import losses_of_steps, trained_state
from maskrec.training.checks.gradient_checks import leaves


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def parameters_trained(candidate: Candidate) -> None:
    """Every parameter is trained: it gets a gradient, and the loss owns all that gets one."""
    loss, given = built_loss(candidate), loss_input([*range(CLASSES), *LABELS], dtype=torch.float64)
    found = gradients_of(loss, given)
    frozen = {id(weight) for module in frozen_modules(loss) for weight in module.parameters()}
    named = {name: weight for name, weight in loss.named_parameters() if id(weight) not in frozen}
    if untrained := sorted(named.keys() - found.weights.keys()):
        raise ContractError(
            f"the parameter {untrained[0]} of {candidate.name} gets no gradient; use it in forward, make it a buffer, "
            "or return its module from frozen()"
        )
    owned = {id(tensor) for tensor in (*loss.parameters(), given.embeddings)}
    hidden = [tensor for tensor in leaves(value_of(loss, given)) if id(tensor) not in owned]
    if hidden:
        raise ContractError(
            f"a tensor of shape {tuple(hidden[0].shape)} of {candidate.name} gets a gradient and is not a parameter of "
            "it, so nothing trains it; keep it as an nn.Parameter attribute"
        )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def parameters_saved(candidate: Candidate) -> None:
    """Every trained parameter is in the state that a checkpoint keeps."""
    loss = built_loss(candidate)
    saved = {id(value) for value in loss.state_dict(keep_vars=True).values()}
    frozen = {id(weight) for module in frozen_modules(loss) for weight in module.parameters()}
    missing = [name for name, weight in loss.named_parameters() if id(weight) not in saved | frozen]
    if missing:
        raise ContractError(f"the parameter {missing[0]} of {candidate.name} is not in its state_dict()")


@contract_check("loss", since="0.1")
def frozen_parts(candidate: Candidate) -> None:
    """What it declares as frozen is its own, and no training step changes it."""
    loss = built_loss(candidate)
    frozen = frozen_modules(loss)
    if not frozen:
        raise Skipped("it declares nothing as frozen")
    if any(module not in set(loss.modules()) for module in frozen):
        raise ContractError(
            f"{candidate.name} declares as frozen what is not a module of its own, so that no device change reaches "
            "it; keep it as an attribute"
        )
    tensors = [tensor for module in frozen for tensor in (*module.parameters(), *module.buffers())]
    before = [tensor.detach().clone() for tensor in tensors]
    for seed in (1, 2):
        gradients_of(loss, loss_input(LABELS, seed, torch.float64))
    if not all(map(torch.equal, before, tensors)):
        raise ContractError(f"a call of {candidate.name} changes what it declares as frozen; keep it in eval mode")
    if any(tensor.grad is not None for tensor in tensors):
        raise ContractError(
            f"what {candidate.name} declares as frozen gets gradients, which nobody uses; call requires_grad_(False)"
        )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def learns(candidate: Candidate) -> None:
    """Thirty steps on four separable groups lower it."""
    values = losses_of_steps(built_loss(candidate), 30)
    if not values[-1] < values[0] - 0.1 * abs(values[0]):
        raise ContractError(
            f"{candidate.name} was {values[0]:.6g} before, and {values[-1]:.6g} after 30 steps on groups that a linear "
            "map separates"
        )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def state_round_trip(candidate: Candidate) -> None:
    """Its state_dict holds all that the next step depends on."""
    trained, fresh = built_loss(candidate), built_loss(candidate)
    fresh.load_state_dict(trained_state(trained), strict=False)
    for module in (trained, fresh):
        module.zero_grad(set_to_none=True)
    given = loss_input(LABELS, seed=3, dtype=torch.float64)
    if said := differing(gradients_of(trained, given), gradients_of(fresh, given), exact=True):
        raise ContractError(
            f"{said} of {candidate.name} differs in the step after a restart; keep what it depends on in a parameter "
            "or a persistent buffer"
        )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def deterministic(candidate: Candidate) -> None:
    """The same seed gives the same weights and the same loss."""
    found = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)
        loss = built_loss(candidate)
        _seed_all()
        found.append(gradients_of(loss, loss_input(LABELS, dtype=torch.float64)))
    first, second = found
    if said := differing(first, second, exact=True):
        raise ContractError(
            f"{said} of {candidate.name} differs between two that are built with one seed; draw weights by torch alone"
        )


def _seed_all() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def scope(candidate: Candidate) -> None:
    """Two processes compute what one does, as its scope promises."""
    alone = steps_in_parts(candidate)
    try:
        parts = process_pair().call(steps_in_parts, portable(candidate))
    except PairError as error:
        raise ContractError(f"{candidate.name} fails in two processes: {error}") from error
    declared = getattr(built_loss(candidate), "scope", "global")
    for number, whole in enumerate(alone):
        together = whole_of_parts([part[number] for part in parts])
        if isinstance(together, str):
            raise ContractError(f"{together} of {candidate.name} differs between two processes")
        if said := differing(whole, together):
            raise ContractError(
                f"{said} of {candidate.name} in two processes is not what one process computes, which its scope "
                f"{declared!r} promises"
            )
