"""Activations that are computed again in the backward pass and not kept: less memory, more arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from maskrec.base.errors import UsageError
from maskrec.contracts.component_calls import method_of


def recompute_activations(backbone: nn.Module, who: str) -> None:
    """Let each block of a backbone keep its input only, and compute the rest again when its gradient is due.

    Gradients and the statistics of batch norm stay what they are without it, as do the names of weights. (Chen et al.,
    "Training Deep Nets with Sublinear Memory Cost", 2016.)

    Args:
        backbone: changed in place; its blocks are what its method ``blocks`` returns, or else the like modules of its
            innermost sequences (bottlenecks, transformer blocks).
        who: names the backbone in messages.

    Raises:
        UsageError: a backbone without blocks.
    """
    said = method_of(backbone, "blocks")
    blocks = list(said()) if said is not None else _repeated(backbone)
    if not blocks:
        raise UsageError(f"train.checkpoint_activations: {who} is not made of blocks that repeat; set it to false")
    for block in blocks:
        block.forward = partial(_forward, block)


def _repeated(module: nn.Module) -> list[nn.Module]:
    """The children of the innermost sequences that hold modules of one class, other than torch's own layers."""
    found = [block for child in module.children() for block in _repeated(child)]
    children = list(module.children())
    if found or not isinstance(module, (nn.Sequential, nn.ModuleList)) or len({type(each) for each in children}) != 1:
        return found
    own = type(children[0]).__module__.startswith("torch.nn.")
    return [] if own or not any(True for _ in children[0].parameters()) else children


def _forward(block: nn.Module, *inputs: Any, **named: Any) -> Any:
    """The block's ``forward``; with checkpoints where a gradient will be asked for."""
    plain = partial(type(block).forward, block)
    if not (block.training and torch.is_grad_enabled()):
        return plain(*inputs, **named)
    return checkpoint(plain, *inputs, use_reentrant=False, context_fn=partial(_contexts, block), **named)


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first computation and of the second."""
    return nullcontext(), _statistics_left_alone(block)


@contextmanager
def _statistics_left_alone(block: nn.Module) -> Iterator[None]:
    """Batch norm moves its statistics in the first computation; the second one, of the same batch, moves copies."""
    norms = [each for each in block.modules() if isinstance(each, _BatchNorm)]
    own = [dict(norm._buffers) for norm in norms]
    for norm, buffers in zip(norms, own, strict=True):
        norm._buffers.update({name: each if each is None else each.clone() for name, each in buffers.items()})
    try:
        yield
    finally:
        for norm, buffers in zip(norms, own, strict=True):
            norm._buffers.update(buffers)
