"""What a checkpoint holds of the networks, and how a run continues from one bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from maskrec.base.errors import UsageError
from maskrec.base.words import typed_line
from maskrec.contracts.call_loss import sharded_modules
from maskrec.contracts.collectives import rank, world_size
from maskrec.runtime.weight_files import load_weights
from maskrec.training.checkpoints.shard_recutting import own_shard
from maskrec.training.processes.distributed import all_gather_object
from maskrec.training.steps.optimizer_step import match_layouts
from maskrec.training.steps.optimizing import frozen_tensors
from maskrec.training.steps.random_state import random_state, restore_random_state, seed_process

if TYPE_CHECKING:
    from maskrec.training.steps.train_step import TrainStep


def networks_state(stepper: TrainStep) -> dict[str, Any]:
    """What every process has alike: weights, loss, optimizer, schedule, moving average, what was counted of steps that
    were not finite; and all random states.

    Every process must call this: the random states are collected from all.
    """
    optimizer = stepper.optimizer.state_dict()
    shard = _shard_places(stepper)
    common = {place: state for place, state in optimizer["state"].items() if place not in shard}
    return {
        "backbone": dict(stepper.backbone.state_dict()),
        "loss": _loss_state(stepper.loss, sharded=False),
        "optimizer": {**optimizer, "state": common},
        "schedule": stepper.schedule.state_dict(),
        "ema": None if stepper.ema is None else dict(stepper.ema.module.state_dict()),
        "skipped": int(stepper.guard.skipped),
        "loss_scale": None if stepper.scale is None else stepper.scale.state_dict(),
        "random": all_gather_object(random_state()),
    }


def shard_state(stepper: TrainStep) -> dict[str, Any] | None:
    """What this process alone has: sharded weights of the loss and the optimizer's state of them; None without any."""
    if not sharded_modules(stepper.loss):
        return None
    optimizer, shard = stepper.optimizer.state_dict(), _shard_places(stepper)
    own = {place: state for place, state in optimizer["state"].items() if place in shard}
    return {"loss": _loss_state(stepper.loss, sharded=True), "optimizer": own}


def restore_networks(
    stepper: TrainStep, state: Mapping[str, Any], shards: Sequence[Mapping[str, Any]], seed: int, step: int
) -> None:
    """Set everything that `networks_state` and `shard_state` collected.

    Args:
        stepper: the networks.
        state: what all processes have alike.
        shards: the saved ones that hold some of this process's classes; see `own_shard`.
        seed: the run's.
        step: optimizer steps finished before.

    Raises:
        UsageError: a checkpoint of other networks, or of another form: names or shapes differ; or shards of another
            number of processes that cannot be cut anew.
    """
    try:
        _restore(stepper, state, own_shard(stepper, shards), seed, step)
    except torch.OutOfMemoryError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError) as error:
        said = f"the checkpoint has another form than this recipe's ({typed_line(error)})"
        raise UsageError(f"{said}; start a new run from its weights with `init: {{run: DIR}}`") from error


def _restore(
    stepper: TrainStep, state: Mapping[str, Any], shard: Mapping[str, Any] | None, seed: int, step: int
) -> None:
    load_weights(stepper.backbone, state["backbone"], "the checkpoint's backbone")
    own: Mapping[str, Any] = shard or {"loss": {}, "optimizer": {}}
    _restore_loss(stepper.loss, {**state["loss"], **own["loss"]})
    try:
        saved = state["optimizer"]
        stepper.optimizer.load_state_dict({**saved, "state": {**saved["state"], **own["optimizer"]}})
    except ValueError as error:
        raise UsageError(f"the checkpoint's optimizer state does not fit this recipe: {error}") from error
    match_layouts(stepper.optimizer)
    stepper.schedule.load_state_dict(state["schedule"])
    stepper.guard.skipped.fill_(state.get("skipped", 0))
    if stepper.scale is not None and state.get("loss_scale") is not None:
        stepper.scale.load_state_dict(state["loss_scale"])
    if stepper.ema is not None and state["ema"] is not None:
        load_weights(stepper.ema.module, state["ema"], "the checkpoint's moving average")
    states = state["random"]
    if len(states) == world_size():
        restore_random_state(states[rank()])
    else:
        seed_process(seed, step)


def _shard_places(stepper: TrainStep) -> set[int]:
    """The numbers under which the optimizer's state has the weights that this process alone holds."""
    weights = [weight for group in stepper.optimizer.param_groups for weight in group["params"]]
    return {place for place, weight in enumerate(weights) if id(weight) in stepper.shard}


def _loss_state(loss: nn.Module, sharded: bool) -> dict[str, Any]:
    """The part of the loss's state that is this process's alone, or that all have; nothing of what is frozen."""
    modules = sharded_modules(loss)
    prefixes = tuple(f"{name}." if name else "" for name in modules)
    # A loss may save a head's tensors under names of its own.
    own = {id(tensor) for module in modules.values() for tensor in (*module.parameters(), *module.buffers())}
    frozen = _frozen_names(loss)
    return {
        name: value.detach() if isinstance(value, torch.Tensor) else value
        for name, value in loss.state_dict(keep_vars=True).items()
        if name not in frozen and (name.startswith(prefixes) or id(value) in own) == sharded
    }


def _restore_loss(loss: nn.Module, state: Mapping[str, Any]) -> None:
    own = loss.state_dict()
    differing = sorted((set(own) - _frozen_names(loss)) ^ set(state))
    differing += [n for n in state if isinstance(own.get(n), torch.Tensor) and own[n].shape != state[n].shape]
    if differing:
        raise UsageError(f"the checkpoint's loss does not fit this recipe's: {differing[0]!r} differs")
    loss.load_state_dict(state, strict=False)


def _frozen_names(loss: nn.Module) -> set[str]:
    frozen = frozen_tensors(loss)
    named = {**dict(loss.named_parameters()), **dict(loss.named_buffers())}
    return {name for name, tensor in named.items() if id(tensor) in frozen}
