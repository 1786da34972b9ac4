"""Gradients of several processes: summed in one order that never changes, and clipped by one norm."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.contracts.call_loss import sharded_modules
from maskrec.contracts.collectives import all_reduce_sum, sum_host_numbers, world_size
from maskrec.training.processes.distributed import CHUNK_BYTES, in_chunks


def replicate(backbone: nn.Module, device: torch.device) -> nn.Module:
    """On CUDA, the backbone with its gradients averaged during the backward pass; the backbone itself elsewhere.

    DistributedDataParallel hides the communication behind the computation, which pays off on GPUs. It also groups its
    gradients anew after its first backward pass, so a resumed run would sum in another order: `average_gradients`
    does it on CPUs, where a resumed run equals an undisturbed one bit for bit.
    """
    if world_size() == 1 or device.type != "cuda" or not any(weight.requires_grad for weight in backbone.parameters()):
        return backbone
    return DistributedDataParallel(backbone, device_ids=[device.index], broadcast_buffers=False)


def average_gradients(weights: Sequence[nn.Parameter]) -> None:
    """Average gradients over processes, in the order of ``weights``.

    A process that has none for a weight counts as zero; a weight without a gradient on every process stays so.
    """
    if world_size() == 1 or not weights:
        return
    _fill_missing(weights)
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    for chunk in in_chunks(gradients):
        flat = chunk[0].reshape(-1) if len(chunk) == 1 else torch.cat([gradient.reshape(-1) for gradient in chunk])
        for piece in flat.chunk(max(1, -(-flat.nbytes // CHUNK_BYTES))):
            dist.all_reduce(piece)
        flat /= world_size()
        for gradient, part in zip(chunk, flat.split_with_sizes([gradient.numel() for gradient in chunk]), strict=True):
            gradient.copy_(part.view_as(gradient))


def _fill_missing(weights: Sequence[nn.Parameter]) -> None:
    """Zeros on a process that has no gradient for a weight while another has one."""
    present = sum_host_numbers([weight.grad is not None for weight in weights])
    for weight, processes in zip(weights, present, strict=True):
        if weight.grad is None and processes:
            weight.grad = torch.zeros_like(weight)


def shard_tensors(loss: nn.Module) -> set[int]:
    """Identities of the parameters and buffers of a loss that this process alone holds."""
    modules = sharded_modules(loss).values()
    return {id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())}


def scale_shard_gradients(weights: Sequence[nn.Parameter]) -> None:
    """Divide the gradients of weights that this process alone holds: its collectives have summed them already."""
    for weight in weights:
        if weight.grad is not None:
            weight.grad /= world_size()


def clip_gradients(weights: Sequence[nn.Parameter], shard: Collection[int], limit: float) -> Tensor:
    """Scale gradients down so that the norm over all weights of all processes is ``limit`` at most.

    Args:
        weights: all that this process trains.
        shard: identities of those that it alone holds; the others are the same on every process.
        limit: greater than 0.

    Returns:
        The norm before, a scalar on the device, the same on every process.
    """
    common = [weight.grad for weight in weights if weight.grad is not None and id(weight) not in shard]
    norm = nn.utils.get_total_norm(common)
    if shard:
        own = nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None and id(w) in shard])
        squared = all_reduce_sum(own.to(weights[0].device).double().square())
        norm = (norm.to(squared.device).double().square() + squared).sqrt()
    nn.utils.clip_grads_with_norm_(weights, limit, norm)
    return norm
