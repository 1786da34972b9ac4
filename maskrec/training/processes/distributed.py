"""Collectives of the processes that ``torchrun -m maskrec run ...`` started, and the exchange of their errors."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from maskrec.base import interrupts
from maskrec.base.errors import MaskrecError
from maskrec.base.words import one_line
from maskrec.contracts.collectives import gather_host_number, rank, world_size
from maskrec.training.processes.rendezvous import Launched, environment_number, meet

T = TypeVar("T")

# Long: while one process writes a checkpoint or draws figures, the others wait.
_PATIENCE = timedelta(hours=2)
# gloo's errors are plain RuntimeErrors.
_BROKEN = re.compile(r"gloo|Connection (closed|reset|refused)|NCCL|ProcessGroup")
# Tensors are sent many at a time, copied together up to this size.
CHUNK_BYTES = 64 * 2**20


def several_processes_started() -> bool:
    """Whether a launcher started more than one process."""
    return environment_number("WORLD_SIZE", "1") > 1


@contextmanager
def process_group() -> Iterator[None]:
    """Joins the launcher's process group: nccl between GPUs, gloo between CPUs.

    Does nothing for one process, or where the caller has already joined a group.

    Raises:
        MaskrecError: a process did not come; or, while they work together, one of them has ended.
    """
    if not several_processes_started() or dist.is_initialized():
        yield
        return
    # Its functions take the group of the moment of import as a default. Imported later (DistributedDataParallel does),
    # they keep the group alive for ever, and gloo's threads then sometimes abort the interpreter at exit.
    importlib.import_module("torch.distributed.nn.functional")
    launched = Launched.from_environment()
    store = meet(launched)
    # What Python knows travels by gloo on CUDA machines too: no process waits for its device to tell the others.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        dist.init_process_group(
            backend, store=store, rank=launched.rank, world_size=launched.world_size, timeout=_PATIENCE
        )
        yield
    except Exception as error:
        lost = _lost_connection(error)
        if lost is None:
            raise
        raise MaskrecError(
            f"rank {launched.rank}: another process of this run has ended or cannot be reached ({lost}); what it "
            "printed says why; start all of them again with the same command to continue"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _lost_connection(error: BaseException | None) -> str | None:
    """What torch says of a connection that broke, where that is the cause of the error."""
    while error is not None:
        text = one_line(error)
        if isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and _BROKEN.search(text)):
            found = re.search(r"Connection [a-z ]+|[Tt]imed out[a-z ]*", text)
            return found[0].strip() if found else text[:80]
        error = error.__cause__
    return None


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


def any_process_interrupted() -> int:
    """The signal that asked this process or another one to end; 0 for none. Every process must call this."""
    return max(gather_host_number(interrupts.received()))


def on_every_process(action: Callable[[], T]) -> list[T]:
    """Run on every process; the results by rank.

    Raises:
        MaskrecError: on every process, what the first process that failed raised.
    """
    outcome: tuple[Any, MaskrecError | None]
    try:
        outcome = action(), None
    except MaskrecError as error:
        outcome = None, error
    outcomes = all_gather_object(outcome)
    for _, failure in outcomes:
        if failure is not None:
            raise failure
    return [result for result, _ in outcomes]


def on_each_process(action: Callable[[], T]) -> T:
    """Run on every process; this one's result.

    Raises:
        MaskrecError: as `on_every_process`.
    """
    found: list[T] = []
    on_every_process(lambda: found.append(action()))
    return found[0]


def on_rank_zero(action: Callable[[], object]) -> None:
    """Run on rank 0 while the others wait.

    Raises:
        MaskrecError: on every process, what rank 0 raised.
    """

    def act() -> None:
        if rank() == 0:
            action()

    on_every_process(act)


def in_chunks(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Consecutive tensors, together of a bounded size; a larger one comes alone."""
    chunk: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if chunk and size + tensor.nbytes > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(tensor)
        size += tensor.nbytes
    if chunk:
        yield chunk


def broadcast_values(tensors: Iterable[Tensor]) -> None:
    """Put rank 0's values into the tensors of every process, as bytes: a few messages, whatever the types."""
    if world_size() == 1:
        return
    # The largest types first: a tensor's bytes then begin at a multiple of its type's size.
    for chunk in in_chunks(sorted((t.detach() for t in tensors), key=lambda t: -t.element_size())):
        flat = torch.cat([tensor.reshape(-1).view(torch.uint8) for tensor in chunk])
        dist.broadcast(flat, src=0)
        for tensor, part in zip(chunk, flat.split_with_sizes([tensor.nbytes for tensor in chunk]), strict=True):
            tensor.copy_(part.view(tensor.dtype).view_as(tensor))


def global_mean(value: Tensor, count: int) -> float:
    """The mean over all samples of all processes, given each one's mean and count."""
    if world_size() == 1:
        return float(value)
    both = torch.stack([value.detach().double() * count, value.new_tensor(float(count), dtype=torch.float64)])
    dist.all_reduce(both)
    return float(both[0] / both[1])
