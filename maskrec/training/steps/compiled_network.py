"""A network in the form that ``torch.compile`` makes of it, or as it is written where that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from maskrec.base.console import say
from maskrec.base.words import typed_line
from maskrec.contracts.collectives import rank

OFF = (False, "off")


def compiled(network: nn.Module, mode: bool | str, who: str) -> nn.Module:
    """The network as ``train.compile`` asks for it: itself where that is off.

    Args:
        network: its parameters, buffers and saved names stay its own.
        mode: True, False, or a mode of ``torch.compile``.
        who: names the network in messages.
    """
    if mode in OFF:
        return network
    return CompiledNetwork(network, "default" if mode is True else str(mode), who)


class CompiledNetwork(nn.Module):
    """Calls the compiled form, and after the first failure to compile the network itself.

    Args:
        network: the network.
        mode: of ``torch.compile``.
        who: names the network in messages.
    """

    def __init__(self, network: nn.Module, mode: str, who: str) -> None:
        super().__init__()
        self.network, self.who = network, who
        # Graphs overwrite their outputs at the next call, and embeddings are looked at after it.
        self.graphs = mode == "reduce-overhead"
        form: Callable[[Tensor], Tensor] | None = torch.compile(network, mode=mode)
        object.__setattr__(self, "form", form)  # a module in it would be a second owner of the weights

    def forward(self, images: Tensor) -> Tensor:
        """Images to embeddings, as the network's ``forward``."""
        from torch._dynamo.exc import TorchDynamoException

        form = cast("Callable[[Tensor], Tensor] | None", self.form)
        if form is not None:
            if self.graphs:
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            try:
                embeddings = form(images)
                return embeddings.clone() if self.graphs else embeddings
            except TorchDynamoException as error:
                object.__setattr__(self, "form", None)
                if rank() == 0:
                    say(f"note: {self.who} cannot be compiled here and runs as it is written ({typed_line(error)})")
        found: Tensor = self.network(images)
        return found
