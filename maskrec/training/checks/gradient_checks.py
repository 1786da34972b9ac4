"""What the backward pass of a first batch can show: whom it does not reach, and whom it should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from maskrec.base.console import say
from maskrec.base.errors import PluginError
from maskrec.contracts.collectives import rank
from maskrec.contracts.component_calls import frozen_modules
from maskrec.contracts.component_names import name_of


def check_part(part: nn.Module, embeddings: Tensor, value: Tensor) -> None:
    """Hold a part of a loss to its gradient: another part's would hide that it has none.

    Args:
        part: the part, for its name.
        embeddings: ``(B, d)``, which it was called with.
        value: a scalar, which it returned.

    Raises:
        PluginError: the embeddings are not in the graph of the value.
    """
    if not embeddings.requires_grad or embeddings.grad_fn is None:
        return
    if embeddings.grad_fn not in set(nodes(value, embeddings.grad_fn)):
        raise PluginError(
            f"{name_of(part)}: no gradient gets from this loss to the embeddings, so the network would not learn "
            "from it; it detaches them, or returns a number without a graph (where a batch has nothing to "
            "compare, return `embeddings.sum() * 0`)"
        )


def check_reached(value: Tensor, backbone: nn.Module, loss: nn.Module, backbone_name: str, loss_name: str) -> None:
    """Look at what the backward pass from the loss ``value`` has reached.

    Raises:
        PluginError: no weight of the backbone, or a tensor that nothing would train.
    """
    trained = [weight for weight in backbone.parameters() if weight.requires_grad]
    if trained and all(weight.grad is None for weight in trained):
        raise PluginError(
            f"{loss_name}: no weight of the backbone gets a gradient from this loss, so the network would "
            f"not learn; the embeddings are detached in the loss, or by {backbone_name}"
        )
    known = {id(weight) for module in (backbone, loss) for weight in module.parameters()}
    hidden = [tensor for tensor in leaves(value) if id(tensor) not in known]
    if hidden:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in hidden[:3])
        counted = "1 tensor gets a gradient and is a parameter"
        if len(hidden) > 1:
            counted = f"{len(hidden)} tensors get a gradient and are parameters"
        raise PluginError(
            f"{loss_name}: {counted} of neither loss nor backbone, so nothing would train "
            f"{'it' if len(hidden) == 1 else 'them'} (of shape {shapes}); keep such a tensor as an nn.Parameter "
            "attribute, in an nn.ParameterList or in an nn.ModuleList"
        )


def note_unused(loss: nn.Module, loss_name: str) -> None:
    """Say which of the loss's parameters the first batch did not use: some losses use them later only."""
    frozen = {id(weight) for module in frozen_modules(loss) for weight in module.parameters()}
    unused = [
        name
        for name, weight in loss.named_parameters()
        if weight.requires_grad and weight.grad is None and id(weight) not in frozen
    ]
    if unused and rank() == 0:
        shown = ", ".join(unused[:3]) + (", ..." if len(unused) > 3 else "")
        gets = "the parameter {} gets" if len(unused) == 1 else "the parameters {} get"
        say(
            f"note: {loss_name}: {gets.format(shown)} no gradient in the first batch; is it left out of "
            "forward, or detached?",
            error=True,
        )


def leaves(value: Tensor) -> Iterator[Tensor]:
    """The tensors that a backward pass from ``value`` gives a gradient to."""
    for node in nodes(value):
        if hasattr(node, "variable"):  # the node that adds to a tensor's ``grad``
            yield node.variable


def nodes(value: Tensor, last: Any = None) -> Iterator[Any]:
    """The nodes of the graph of ``value``, each once; nothing is looked for behind ``last``."""
    waiting, seen = [value.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        if node is not last:
            waiting += [before for before, _ in node.next_functions]
