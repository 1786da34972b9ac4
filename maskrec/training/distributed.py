"""Several processes, started by ``torchrun -m maskrec run ...``."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.contracts.collectives import world_size

# Long: while one process writes a checkpoint or draws figures, the others wait.
_PATIENCE = timedelta(hours=2)


def several_processes_wanted() -> bool:
    """Whether a launcher started more than one process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def process_group() -> Iterator[None]:
    """Joins the launcher's process group, nccl on CUDA and gloo elsewhere.

    Does nothing for one process, or where the caller has already joined a group.
    """
    if not several_processes_wanted() or dist.is_initialized():
        yield
        return
    # Its functions take the group of the moment of import as a default. Imported later (DistributedDataParallel does),
    # they keep the group alive for ever, and gloo's threads then sometimes abort the interpreter at exit.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def broadcast_object(value: Any) -> Any:
    """Rank 0's value, on every process."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def all_gather_object(value: Any) -> list[Any]:
    """Every process's value, by rank."""
    if world_size() == 1:
        return [value]
    box: list[Any] = [None] * world_size()
    dist.all_gather_object(box, value)
    return box


def barrier() -> None:
    """Return when every process has reached this call."""
    if world_size() > 1:
        dist.barrier()


def replicate(backbone: nn.Module, device: torch.device) -> nn.Module:
    """The backbone with its gradients averaged over processes; itself for one process."""
    if world_size() == 1 or not any(weight.requires_grad for weight in backbone.parameters()):
        return backbone
    return DistributedDataParallel(backbone, device_ids=[device.index] if device.type == "cuda" else None)


def broadcast_weights(module: nn.Module) -> None:
    """Rank 0's parameters and buffers, on every process."""
    if world_size() == 1:
        return
    for tensor in (*module.parameters(), *module.buffers()):
        dist.broadcast(tensor.data, src=0)


def average_gradients(weights: list[nn.Parameter]) -> None:
    """Average gradients over processes; a process that has none for a weight counts as zero."""
    if world_size() == 1 or not weights:
        return
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    flat = torch.cat([weight.grad.reshape(-1) for weight in weights if weight.grad is not None])
    dist.all_reduce(flat)
    flat /= world_size()
    start = 0
    for weight in weights:
        weight.grad = flat[start : start + weight.numel()].view_as(weight).clone()
        start += weight.numel()


def global_mean(value: Tensor, count: int) -> float:
    """The mean over all samples of all processes, given each one's mean and count."""
    if world_size() == 1:
        return float(value)
    both = torch.stack([value.detach().double() * count, value.new_tensor(float(count), dtype=torch.float64)])
    dist.all_reduce(both)
    return float(both[0] / both[1])
