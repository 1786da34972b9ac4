"""Whether two ways of computing a loss give the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from maskrec.testing.loss_calls import Gradients

_RELATIVE, _ABSOLUTE = 1e-7, 1e-9  # of float64, in which sums have other orders


def differing(one: Gradients, other: Gradients, exact: bool = False) -> str:
    """What differs first, in words; empty where nothing does.

    Args:
        one: of one way.
        other: of the other.
        exact: whether the last bit counts.
    """
    if not _same(one.value, other.value, exact):
        return "the value"
    if not _both_or_neither(one.embeddings, other.embeddings, exact):
        return "the gradient of the embeddings"
    for what, mine, theirs in (
        ("the gradient of the parameter", one.weights, other.weights),
        ("the buffer", one.buffers, other.buffers),
    ):
        for name in sorted({*mine, *theirs}):
            if name not in mine or name not in theirs or not _same(mine[name], theirs[name], exact):
                return f"{what} {name}"
    return ""


def _both_or_neither(one: Tensor | None, other: Tensor | None, exact: bool) -> bool:
    return one is other if one is None or other is None else _same(one, other, exact)


def _same(one: Tensor, other: Tensor, exact: bool) -> bool:
    if one.shape != other.shape:
        return False
    if exact:
        return torch.equal(one, other)
    return torch.allclose(one.double(), other.double(), rtol=_RELATIVE, atol=_ABSOLUTE)


def whole_of_parts(parts: Sequence[Gradients]) -> Gradients | str:
    """What processes have computed together, as a run puts it together.

    Gradients are averaged, those of what one process alone holds are divided by their number and put side by side.

    Returns:
        The whole, or what differs between processes and must not.
    """
    first, size = parts[0], len(parts)
    for name, buffer in first.buffers.items():
        if not all(_same(buffer, part.buffers[name], exact=True) for part in parts[1:]):
            return f"the buffer {name}"
    rows = [part.embeddings for part in parts if part.embeddings is not None]
    weights = {}
    for name in {name for part in parts for name in part.weights}:
        there = [part.weights[name] for part in parts if name in part.weights]
        weights[name] = (torch.cat(there) if name in first.shards else torch.stack(there).sum(0)) / size
    return Gradients(
        torch.stack([part.value for part in parts]).mean(),
        torch.cat(rows) / size if rows else None,
        weights,
        first.buffers,
    )
