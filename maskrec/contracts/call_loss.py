"""Call a loss as its ``scope`` requires, so that several processes together compute what one would.

Gradients of all processes are averaged afterwards (as DistributedDataParallel does). ``global``: every process sees
the gathered batch and computes the same loss. ``sample``: a plain mean over samples; each process's part is
weighted so that the average over processes is the mean over the global batch. ``sharded`` and ``parts``: called with
local tensors; they gather, or call their parts through this module, themselves.

The weights of a ``sharded`` loss are on one process only. Its collectives have summed what every process's result
says of them (`gather_rows`, `all_reduce_sum`), so their gradient is divided by the number of processes and not summed.
The same holds for a module inside a loss of another scope that says ``scope = "sharded"`` (a head). Where such a module
has ``sharded_classes``, the number of classes over all processes, each of its tensors is cut by `shard_bounds` of it
along the first dimension, and a run goes on with another number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from maskrec.base.errors import PluginError
from maskrec.base.words import type_shown
from maskrec.contracts.call_into import call_into
from maskrec.contracts.collectives import gather_rows, row_counts, shard_sizes, world_size
from maskrec.contracts.component_calls import scope_of, takes_batch
from maskrec.contracts.component_names import name_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from maskrec.contracts.kinds import Loss
    from maskrec.contracts.sample import Batch

    Look = Callable[[nn.Module, Tensor, Tensor], None]

_LOOK: ContextVar[Look | None] = ContextVar("look", default=None)


def sharded_modules(loss: nn.Module) -> dict[str, nn.Module]:
    """The modules within ``loss`` whose scope is ``sharded``, by their name in it; its own name is empty."""
    return {name: module for name, module in loss.named_modules() if getattr(module, "scope", None) == "sharded"}


def call_loss(
    loss: Loss, embeddings: Tensor, labels: Tensor, batch: Batch | None = None, whole: int | None = None
) -> Tensor:
    """The loss of this process's ``(b, d)`` embeddings and ``(b,)`` labels, obeying ``loss.scope``.

    Args:
        loss: any loss component.
        embeddings: before normalisation.
        labels: int64.
        batch: passed on to a loss that names it.
        whole: samples of the global batch, where these are a process's part of it as `shard_bounds` cuts it; None where
            that is not known, and the processes ask one another how many each has.

    Returns:
        A scalar whose gradient, averaged over processes, is that of the loss of the global batch.

    Raises:
        PluginError: the loss fails, or returns something other than a scalar tensor; its name is said.
    """
    scope, who = scope_of(loss), name_of(loss)
    with call_into(who, "failed in forward", loss):
        if scope == "global" and world_size() > 1:
            counts = _counts(labels, whole)
            value = loss(gather_rows(embeddings, counts), gather_rows(labels, counts))
        else:
            value = loss(embeddings, labels, batch) if takes_batch(loss) else loss(embeddings, labels)
    _refuse_no_scalar(value, who)
    if (look := _LOOK.get()) is not None:
        look(loss, embeddings, value)
    if scope == "sample" and world_size() > 1:
        value = value * (len(labels) * world_size() / sum(_counts(labels, whole)))
    return value


def _counts(labels: Tensor, whole: int | None) -> list[int]:
    """How many samples each process has."""
    return row_counts(labels) if whole is None else shard_sizes(whole)


@contextmanager
def looking_at_losses(look: Look) -> Iterator[None]:
    """Within it, ``look(loss, embeddings, value)`` sees every call of a loss, those of parts before the whole."""
    token = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(token)


def _refuse_no_scalar(value: object, who: str) -> None:
    must = "a loss must return a scalar tensor"
    shape = getattr(value, "shape", None)
    if shape is None or not hasattr(value, "requires_grad"):
        raise PluginError(f"{who} returned {type_shown(value)}; {must}{_remedy(value)}")
    if len(shape):
        raise PluginError(f"{who} returned a tensor of shape {tuple(shape)}; {must}: call .mean()")


def _remedy(value: object) -> str:
    """How the author makes a scalar tensor of what a loss returned, as the end of a sentence."""
    if value is None:
        return ": end forward with `return`"
    if isinstance(value, (tuple, list, Mapping)):
        return " alone: its diagnostics() reports other values"
    if hasattr(value, "__float__"):
        return ": float(), .item() and .numpy() lose the gradient, so return the tensor itself"
    return ""
