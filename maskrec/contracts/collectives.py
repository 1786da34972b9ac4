"""Collective operations for losses; with one process every call is the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

_AVAILABLE = dist.is_available()


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _AVAILABLE and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def shard_bounds(size: int, number: int | None = None, shards: int | None = None) -> tuple[int, int]:
    """Where a shard of ``size`` samples or classes starts and ends; shards differ by one at most.

    Args:
        size: of all shards together.
        number: the shard's, from 0; this process's by default.
        shards: how many; one a process by default.
    """
    number, shards = rank() if number is None else number, world_size() if shards is None else shards
    return size * number // shards, size * (number + 1) // shards


class _SumWithGradient(torch.autograd.Function):
    """All-reduce whose backward sums every process's gradient (a sum over processes is its own adjoint)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _sum(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _sum(gradients[0])


def _sum(values: Tensor) -> Tensor:
    total = values.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def all_reduce_sum(values: Tensor) -> Tensor:
    """The sum over all processes of a tensor that has the same shape on each, with gradient.

    The gradient is the sum of what every process's result says of the total, as in `gather_rows`.
    """
    if world_size() == 1:
        return values
    if values.requires_grad:
        total: Tensor = _SumWithGradient.apply(values)
        return total
    return _sum(values)


def all_reduce_max(values: Tensor) -> Tensor:
    """The elementwise maximum over all processes of a tensor that has the same shape on each, without gradient."""
    if world_size() == 1:
        return values.detach()
    largest = values.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(largest, op=dist.ReduceOp.MAX)
    return largest


def exact_dtype(device: torch.device) -> torch.dtype:
    """What sums are taken in on this device: float64, or float32 on mps, which lacks it."""
    return torch.float32 if device.type == "mps" else torch.float64


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of ``(b,)`` values over all processes, whatever each one's b; a scalar without gradient.

    Summed in float64, so that it hardly depends on how many processes share the batch; 0 where nobody has a value.
    """
    exact = exact_dtype(values.device)
    values = values.detach()
    both = torch.stack([values.to(exact).sum(), torch.tensor(len(values), dtype=exact, device=values.device)])
    both = all_reduce_sum(both)
    return (both[0] / both[1].clamp(min=1)).to(values.dtype)


def deviation_over_processes(values: Tensor) -> Tensor:
    """The standard deviation of ``(b,)`` values over all processes, a scalar without gradient.

    Of n values the squares are divided by n - 1; not a number for fewer than two.
    """
    exact = exact_dtype(values.device)
    exactly = values.detach().to(exact)
    both = torch.stack([exactly.sum(), torch.tensor(len(values), dtype=exact, device=values.device)])
    total, count = all_reduce_sum(both)
    squares = all_reduce_sum((exactly - total / count).square().sum())
    deviation = (squares / (count - 1)).sqrt()
    return torch.where(count > 1, deviation, torch.nan).to(values.dtype)


class _GatherWithGradient(torch.autograd.Function):
    """All-gather whose backward sums every process's gradient for the local rows (the adjoint of gathering)."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: list[int]) -> Tensor:
        ctx.counts = counts
        return _gather(rows, counts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        first = sum(ctx.counts[: rank()])
        return total[first : first + ctx.counts[rank()]], None


def _gather(rows: Tensor, counts: list[int]) -> Tensor:
    """Rows of all processes in rank order; processes may hold different numbers of rows."""
    longest = max(counts)
    padded = rows.new_zeros((longest, *rows.shape[1:]))
    padded[: len(rows)] = rows.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def sum_host_numbers(numbers: Sequence[int]) -> list[int]:
    """The sums over all processes of integers that Python knows, as many on each process.

    They travel from CPU to CPU, so that nobody waits for a device.
    """
    if world_size() == 1:
        return list(numbers)
    device = "cpu" if "cpu:" in str(dist.get_backend_config()) else "cuda"  # a group of nccl alone
    total = torch.tensor(numbers, dtype=torch.int64, device=device)
    dist.all_reduce(total)
    summed: list[int] = total.cpu().tolist() if device == "cuda" else total.numpy().tolist()
    return summed


def gather_host_number(number: int) -> list[int]:
    """An integer that Python knows of each process, in rank order; no device is waited for."""
    return sum_host_numbers([number if each == rank() else 0 for each in range(world_size())])


def row_counts(rows: Tensor) -> list[int]:
    """How many rows each process holds, in rank order; the processes ask one another."""
    return gather_host_number(len(rows))


def shard_sizes(size: int) -> list[int]:
    """How many of ``size`` samples or classes each process holds, in rank order, as `shard_bounds` says."""
    bounds = (shard_bounds(size, number, world_size()) for number in range(world_size()))
    return [end - first for first, end in bounds]


def gather_rows(rows: Tensor, counts: list[int] | None = None) -> Tensor:
    """Rows ``(b, ...)`` of all processes in rank order as ``(B, ...)``, with gradient for floating point rows.

    The gradient of the local rows is the sum of their gradients in every process's result, so a loss computed
    identically on all processes and averaged over them afterwards gives the gradient of that loss.

    Args:
        rows: of this process.
        counts: what `row_counts` returned of rows of this batch, which saves asking again.
    """
    if world_size() == 1:
        return rows
    counts = row_counts(rows) if counts is None else counts
    if rows.is_floating_point() and rows.requires_grad:
        gathered: Tensor = _GatherWithGradient.apply(rows, counts)
        return gathered
    return _gather(rows, counts)
