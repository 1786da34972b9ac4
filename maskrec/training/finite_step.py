"""Whether a step is finite, what of it is not, and how it is undone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from maskrec.contracts.collectives import world_size
from maskrec.training.distributed import global_mean
from maskrec.training.random_state import random_state, restore_random_state


class Undo:
    """What a step's forward pass changes beside gradients: buffers and the random states, put back when called.

    Args:
        buffers: as they are before the step.
    """

    def __init__(self, buffers: Iterable[Tensor]) -> None:
        self.buffers = list(buffers)
        self.copies = [torch.empty_like(buffer) for buffer in self.buffers]
        if self.buffers:
            torch._foreach_copy_(self.copies, self.buffers)
        self.random = random_state()

    def __call__(self) -> None:
        """Put everything back."""
        with torch.no_grad():
            for buffer, copy in zip(self.buffers, self.copies, strict=True):
                buffer.copy_(copy)
        restore_random_state(self.random)


def saved_buffers(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name and tensor of the buffers that ``state_dict`` holds."""
    for path, inner in module.named_modules():
        for name, tensor in inner._buffers.items():
            if tensor is not None and name not in inner._non_persistent_buffers_set:
                yield f"{path}.{name}" if path else name, tensor


def largest_value(tensors: Iterable[Tensor]) -> Tensor:
    """The largest absolute value in the tensors of this process, a float64 scalar; not finite if any value is not."""
    real = [tensor.detach() for tensor in tensors if tensor.numel() and tensor.is_floating_point()]
    return nn.utils.get_total_norm(real, norm_type=math.inf).double()


def read_together(
    values: Sequence[Tensor], norm: Tensor | None, largest: Tensor
) -> tuple[list[float], float | None, float]:
    """Losses as means over all processes, the norm and the largest value: the step's one wait for the device."""
    means = torch.stack([value.double() for value in values])
    if world_size() > 1:
        means = means.new_tensor([global_mean(value, 1) for value in values])
    rest = torch.stack([each.double().to(means.device) for each in (largest, largest if norm is None else norm)])
    *losses, largest_read, norm_read = torch.cat([means, rest]).tolist()
    return losses, (None if norm is None else norm_read), largest_read


def not_finite(
    loss: float,
    norm: float | None,
    largest: float,
    gradients: Mapping[str, Tensor | None],
    buffers: Mapping[str, Tensor],
) -> str:
    """What of a step is not finite, in words; empty where nothing is.

    Args:
        loss: of the step.
        norm: of the gradients, where they are clipped.
        largest: of gradients and buffers, over all processes.
        gradients: of this process, by the weight's name.
        buffers: likewise.
    """
    if not math.isfinite(loss):
        return "the loss"
    if math.isfinite(largest) and (norm is None or math.isfinite(norm)):
        return ""
    otherwise = "the gradient" if world_size() == 1 else "a gradient or buffer of another process"
    named = {f"the gradient of {name}": gradient for name, gradient in gradients.items() if gradient is not None}
    named |= {f"the buffer {name}": buffer for name, buffer in buffers.items()}
    return next((name for name, tensor in named.items() if not bool(tensor.isfinite().all())), otherwise)
