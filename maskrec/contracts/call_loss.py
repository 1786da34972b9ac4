"""Call a loss as its ``scope`` requires, so that several processes together compute what one would.

Gradients of all processes are averaged afterwards (as DistributedDataParallel does). ``global``: every process sees
the gathered batch and computes the same loss. ``sample``: a plain mean over samples; each process's part is
weighted so that the average over processes is the mean over the global batch. ``sharded`` and ``parts``: called with
local tensors; they gather, or call their parts through this module, themselves.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from maskrec.contracts.collectives import gather_rows, row_counts, world_size

if TYPE_CHECKING:
    from torch import Tensor

    from maskrec.contracts.kinds import Loss
    from maskrec.contracts.sample import Batch

SCOPES = ("global", "sample", "sharded", "parts")


def scope_of(loss: object) -> str:
    """The loss's declared scope, ``global`` by default.

    Raises:
        ValueError: the scope is unknown, or the loss names ``batch`` under a scope that gathers.
    """
    scope = getattr(loss, "scope", "global")
    if scope not in SCOPES:
        raise ValueError(f"{type(loss).__name__}.scope is {scope!r}; it must be one of {', '.join(SCOPES)}")
    if scope not in ("sample", "parts") and wants_batch(loss):
        raise ValueError(
            f"{type(loss).__name__}.forward names `batch`, so its scope must be 'sample' or 'parts', not {scope!r}: "
            "a loss over gathered embeddings would see only this process's images"
        )
    return str(scope)


def wants_batch(loss: object) -> bool:
    """Whether the loss's ``forward`` has a parameter called ``batch``."""
    return "batch" in inspect.signature(loss.forward).parameters  # type: ignore[attr-defined]


def call_loss(loss: Loss, embeddings: Tensor, labels: Tensor, batch: Batch | None = None) -> Tensor:
    """The loss of this process's ``(b, d)`` embeddings and ``(b,)`` labels, obeying ``loss.scope``.

    Args:
        loss: any loss component.
        embeddings: before normalisation.
        labels: int64.
        batch: passed on to a loss that names it.

    Returns:
        A scalar whose gradient, averaged over processes, is that of the loss of the global batch.
    """
    scope = scope_of(loss)
    if scope == "global" and world_size() > 1:
        return loss(gather_rows(embeddings), gather_rows(labels))
    value = loss(embeddings, labels, batch) if wants_batch(loss) else loss(embeddings, labels)
    if scope == "sample" and world_size() > 1:
        value = value * (len(labels) * world_size() / sum(row_counts(labels)))
    return value
