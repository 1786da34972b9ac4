"""What a checkpoint holds, and how a run continues from one bit for bit."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from maskrec.base.errors import UsageError
from maskrec.base.random import key_of
from maskrec.contracts.call_loss import scope_of
from maskrec.contracts.collectives import rank, world_size
from maskrec.runtime.weight_files import load_weights
from maskrec.training import distributed
from maskrec.training.optimizing import frozen_tensors

if TYPE_CHECKING:
    from maskrec.training.train_step import TrainStep


def networks_state(stepper: TrainStep) -> dict[str, Any]:
    """Weights, loss, optimizer, schedule, moving average and every process's random state.

    Every process must call this: random states and shards of sharded losses are collected from all.
    """
    return {
        "backbone": dict(stepper.backbone.state_dict()),
        "loss": _loss_state(stepper.loss),
        "optimizer": stepper.optimizer.state_dict(),
        "schedule": stepper.schedule.state_dict(),
        "ema": None if stepper.ema is None else dict(stepper.ema.module.state_dict()),
        "random": distributed.all_gather_object(random_state()),
    }


def restore_networks(stepper: TrainStep, state: Mapping[str, Any], seed: int, step: int) -> None:
    """Set everything that `networks_state` collected.

    Raises:
        UsageError: a checkpoint of other networks: names or shapes differ.
    """
    load_weights(stepper.backbone, state["backbone"], "the checkpoint's backbone")
    _restore_loss(stepper.loss, state["loss"])
    try:
        stepper.optimizer.load_state_dict(state["optimizer"])
    except ValueError as error:
        raise UsageError(f"the checkpoint's optimizer state does not fit this recipe: {error}") from error
    stepper.schedule.load_state_dict(state["schedule"])
    if stepper.ema is not None and state["ema"] is not None:
        load_weights(stepper.ema.module, state["ema"], "the checkpoint's moving average")
    states = state["random"]
    if len(states) == world_size():
        restore_random_state(states[rank()])
    else:
        seed_process(seed, step)


def _loss_state(loss: nn.Module) -> Any:
    frozen = frozen_tensors(loss)
    named = {**dict(loss.named_parameters()), **dict(loss.named_buffers())}
    left_out = {name for name, tensor in named.items() if id(tensor) in frozen}
    state = {name: value for name, value in loss.state_dict().items() if name not in left_out}
    return distributed.all_gather_object(state) if scope_of(loss) == "sharded" else state


def _restore_loss(loss: nn.Module, state: Any) -> None:
    if scope_of(loss) == "sharded":
        if len(state) != world_size():
            raise UsageError(
                f"a sharded loss goes on only with as many processes as before: {len(state)}, not {world_size()}"
            )
        state = state[rank()]
    own = loss.state_dict()
    frozen = frozen_tensors(loss)
    named = {**dict(loss.named_parameters()), **dict(loss.named_buffers())}
    wanted = {name for name in own if id(named.get(name)) not in frozen}
    differing = sorted(wanted ^ set(state))
    differing += [n for n in state if isinstance(own.get(n), torch.Tensor) and own[n].shape != state[n].shape]
    if differing:
        raise UsageError(f"the checkpoint's loss does not fit this recipe's: {differing[0]!r} differs")
    loss.load_state_dict(state, strict=False)


def seed_process(seed: int, step: int) -> None:
    """Seed the global generators of this process, each process differently."""
    key = key_of(seed, "process", rank(), step)
    torch.manual_seed(key & (2**63 - 1))
    np.random.seed(key & 0xFFFFFFFF)
    random.seed(key)


def random_state() -> dict[str, Any]:
    """The global generators of this process, as tensors and numbers."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [
            str(kind),
            torch.tensor(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(gauss),
        ],
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss_next],
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set what `random_state` read."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    version, words, gauss_next = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss_next))
