"""This process's shard from the shards of another number of processes.

A sharded module whose tensors are cut along their first dimension by `shard_bounds`, each class with the same number of
rows, says so by ``sharded_classes``. Other ones go on with as many processes as before only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.call_loss import sharded_modules
from maskrec.contracts.collectives import rank, shard_bounds, world_size

if TYPE_CHECKING:
    from maskrec.training.steps.train_step import TrainStep

Shard = Mapping[str, Any]


def overlapping_shards(count: int) -> list[int]:
    """Numbers of the shards, of ``count`` saved ones, that hold some of this process's classes.

    Shards are equal parts in order, so this needs no number of classes (with few of them one too many may be named).
    """
    ranks = world_size()
    return [n for n in range(count) if n * ranks < (rank() + 1) * count and (n + 1) * ranks > rank() * count]


def own_shard(stepper: TrainStep, saved: Sequence[Shard]) -> Shard | None:
    """The state that `shard_state` would have returned on this process; None without shards.

    Args:
        stepper: the run's networks.
        saved: the shards of `overlapping_shards`, in order.

    Raises:
        UsageError: a loss or an optimizer whose state cannot be cut anew.
    """
    if not saved:
        return None
    if saved[0]["processes"] == world_size():
        return saved[0]
    counts = _classes_of_tensors(stepper.loss, saved[0]["processes"])
    named = stepper.loss.state_dict(keep_vars=True)
    names = [name for name in named if id(named[name]) in counts]
    loss = {name: _cut(saved, [each["loss"][name] for each in saved], counts[id(named[name])]) for name in names}
    weights = [weight for group in stepper.optimizer.param_groups for weight in group["params"]]
    optimizer = {
        place: _cut_state(saved, place, weight, counts[id(weight)])
        for place, weight in enumerate(weights)
        if id(weight) in counts and all(place in each["optimizer"] for each in saved)
    }
    return {"loss": loss, "optimizer": optimizer}


def _classes_of_tensors(loss: nn.Module, processes: int) -> dict[int, int]:
    """By the identity of each tensor of a shard, how many classes all shards have."""
    found: dict[int, int] = {}
    for module in sharded_modules(loss).values():
        classes = getattr(module, "sharded_classes", None)
        if classes is None:
            raise _other_processes(processes, f"{type(module).__name__} does not say how its classes are split")
        found |= {id(tensor): int(classes) for tensor in (*module.parameters(), *module.buffers())}
    return found


def _cut(saved: Sequence[Shard], tensors: Sequence[Tensor], classes: int) -> Tensor:
    """This process's rows of a tensor whose rows the saved shards hold."""
    low, high = shard_bounds(classes)
    parts = []
    for shard, tensor in zip(saved, tensors, strict=True):
        first, end = shard_bounds(classes, shard["rank"], shard["processes"])
        each, rest = divmod(len(tensor), max(end - first, 1))
        if rest:
            raise UsageError(f"the checkpoint's shards are of another number of classes than {classes}")
        start, stop = max(low, first), min(high, end)
        if start < stop:
            parts.append(tensor[(start - first) * each : (stop - first) * each])
    return torch.cat(parts)


def _cut_state(saved: Sequence[Shard], place: int, weight: Tensor, classes: int) -> dict[str, Any]:
    """This process's optimizer state of one weight."""
    states = [each["optimizer"][place] for each in saved]
    cut = {}
    for name, first in states[0].items():
        values = [state[name] for state in states]
        if all(_is_shaped_like(value, weight) for value in values):
            cut[name] = _cut(saved, values, classes)
        elif all(_is_equal(value, first) for value in values):
            cut[name] = first
        else:
            raise _other_processes(saved[0]["processes"], f"its optimizer's {name} is not one number a weight")
    return cut


def _is_shaped_like(value: Any, weight: Tensor) -> bool:
    return isinstance(value, Tensor) and value.ndim == weight.ndim > 0 and value.shape[1:] == weight.shape[1:]


def _is_equal(value: Any, other: Any) -> bool:
    if isinstance(value, Tensor) and isinstance(other, Tensor):
        return torch.equal(value, other)
    return type(value) is type(other) and bool(value == other)


def _other_processes(before: int, why: str) -> UsageError:
    return UsageError(
        f"a sharded loss continues only with as many processes as before: {before}, not {world_size()} ({why}); "
        f"start {before}"
    )
