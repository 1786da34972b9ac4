"""Which batch would fit, after a training step has run out of memory: parts of it are tried, and nothing changes."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError
from maskrec.contracts.call_into import ran_out_of_memory
from maskrec.contracts.call_loss import call_loss
from maskrec.contracts.collectives import world_size
from maskrec.contracts.sample import Batch
from maskrec.runtime.compute import Compute
from maskrec.training.steps.random_state import keep_random_state
from maskrec.training.steps.saved_buffers import SavedBuffers

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly


class Passes(Protocol):
    """What the forward and backward passes of a run's training step take."""

    assembly: Assembly
    buffers: SavedBuffers
    compute: Compute
    network: nn.Module
    optimizer: torch.optim.Optimizer


TRIES = 10
"""Halvings at most: down to a thousandth of the batch."""


def explained(error: Exception, stepper: Passes, batch: Batch) -> MaskrecError | None:
    """What to raise for an error of a step's forward or backward pass: which batch would fit.

    A part that passes has what its forward and backward passes need; an optimizer that makes its state at the first
    step needs more. Weights, statistics, gradients and random generators are put back.

    Args:
        error: memory ran out, or something else.
        stepper: whose step it was.
        batch: that did not fit.

    Returns:
        None where memory did not run out; or with several processes, which would have to search together.
    """
    if not ran_out_of_memory(error) or world_size() > 1:
        return None
    _release(error)
    size = len(batch.labels)
    fits = largest_that_fits(lambda rows: _try_part(stepper, first_rows(batch, rows)), size)
    said = str(error) if isinstance(error, MaskrecError) else f"{stepper.assembly.plan.backbone.who}: memory ran out"
    return MaskrecError(f"{said.partition(': try a smaller')[0]}: {_advice(stepper, size, fits)}")


def largest_that_fits(attempt: Callable[[int], None], size: int) -> int:
    """The largest of ``size / 2``, ``size / 4``, ... for which ``attempt`` does not run out of memory; 0 for none.

    Args:
        attempt: with so many rows; whatever else it raises ends the search too.
        size: of the batch that did not fit.
    """
    for _ in range(TRIES):
        size //= 2
        if not size:
            break
        try:
            attempt(size)
        except Exception as error:
            if not ran_out_of_memory(error):  # such as batch norm over a single sample
                break
            _release(error)
        else:
            return size
    return 0


def first_rows(batch: Batch, rows: int) -> Batch:
    """The first samples of a batch."""
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    cut: dict[str, Any] = {name: value[:rows] for name, value in values.items() if isinstance(value, Tensor)}
    return replace(batch, **cut)


def _try_part(stepper: Passes, batch: Batch) -> None:
    """The forward and backward passes of a batch."""
    put_back = keep_random_state()
    try:
        images = stepper.compute.feed(batch.images, stepper.assembly.backbone.input_spec)
        with stepper.compute.autocast():
            embeddings = stepper.network(images)
        value = call_loss(stepper.assembly.loss, embeddings.to(stepper.compute.dtype), batch.labels, batch)
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
    finally:
        stepper.optimizer.zero_grad(set_to_none=True)
        stepper.buffers.put_back(torch.ones((), dtype=torch.bool, device=stepper.compute.device))
        put_back()


def _release(error: BaseException | None) -> None:
    """Give back what the frames of an error, and of what caused it, still hold."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _advice(stepper: Passes, size: int, fits: int) -> str:
    if not fits:
        return f"neither a batch of {size} nor a part of it that was tried fits: use a smaller image_size or network"
    if "batch_size" not in stepper.assembly.plan.sampler.parameters:
        return f"a batch of {fits} fits; {size} does not: let the sampler make smaller batches"
    accumulate = stepper.assembly.plan.train.accumulate * size // fits
    return f"sampler.batch_size: {fits} fits; {size} does not; train.accumulate: {accumulate} keeps the images a step"
