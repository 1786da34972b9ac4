"""The buffers that a checkpoint holds, put back after a step that is not finite."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_

import torch
from torch import Tensor, nn


class SavedBuffers:
    """The buffers that a checkpoint holds, such as the statistics of batch norm: kept before a step, put back after it.

    A step that is not finite must leave them as they were, and whether it was finite is known on the device only: so
    they are written after each step, with their old values or with their new ones.

    Args:
        modules: by the name that stands before their buffers' names.
        left_out: identities of buffers that are not saved.
    """

    def __init__(self, modules: Mapping[str, nn.Module], left_out: Collection[int] = ()) -> None:
        self.modules, self.left_out = dict(modules), frozenset(left_out)
        self.look_again()

    def look_again(self) -> None:
        """Find the modules' buffers; some make theirs in their first forward pass."""
        self._slots = [
            (f"{side}.{name}", buffers, key)
            for side, module in self.modules.items()
            for name, buffers, key in _slots(module)
            if id(buffers[key]) not in self.left_out
        ]
        self._tensors: list[Tensor | None] = []
        self._kept: list[_Kept] = []

    def tensors(self) -> list[Tensor]:
        """All of them, as they are now."""
        return [each for each in self._now() if each is not None]

    def floating(self) -> dict[str, Tensor]:
        """Those of floating point numbers that are not empty, by name, as they are now."""
        found = {name: buffers.get(key) for name, buffers, key in self._slots}
        return {name: each for name, each in found.items() if each is not None and _has_real_numbers(each)}

    def keep(self) -> None:
        """Remember their values."""
        if self._slots:
            self._keep()

    @torch.no_grad()
    def _keep(self) -> None:
        now = self._now()
        if not self._kept or not _same_objects(now, self._tensors):
            self._tensors = now
            self._kept = _kept_by_type([tensor for tensor in now if tensor is not None and _writable(tensor)])
        for kept in self._kept:
            torch._foreach_copy_(kept.before, kept.tensors)

    def put_back(self, skipped: Tensor) -> None:
        """Give them the values that were kept last, where the boolean ``skipped`` is true.

        A module that has put other tensors in their places makes this wait for the device.
        """
        if self._slots:
            self._put_back(skipped)

    @torch.no_grad()
    def _put_back(self, skipped: Tensor) -> None:
        if not _same_objects(self._now(), self._tensors):
            if skipped:
                self._put_objects_back()
            return
        for kept in self._kept:
            torch._foreach_copy_(kept.after, kept.tensors)
            torch.where(skipped, kept.flat_before, kept.flat_after, out=kept.flat_after)
            torch._foreach_copy_(kept.tensors, kept.after)

    def _put_objects_back(self) -> None:
        for kept in self._kept:
            torch._foreach_copy_(kept.tensors, kept.before)
        for (_, buffers, key), tensor in zip(self._slots, self._tensors, strict=True):
            buffers[key] = tensor

    def _now(self) -> list[Tensor | None]:
        return [buffers.get(key) for _, buffers, key in self._slots]


@dataclass(frozen=True, slots=True)
class _Kept:
    """Buffers of one type and device, and two flat copies of them with views of each buffer's part."""

    tensors: list[Tensor]
    flat_before: Tensor
    before: list[Tensor]
    flat_after: Tensor
    after: list[Tensor]


def _kept_by_type(tensors: Sequence[Tensor]) -> list[_Kept]:
    groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault((tensor.device, tensor.dtype), []).append(tensor)
    return [_Kept(group, *_flat(group), *_flat(group)) for group in groups.values()]


def _flat(tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    sizes = [tensor.numel() for tensor in tensors]
    flat = tensors[0].new_empty(sum(sizes))
    return flat, [part.view(each.shape) for part, each in zip(flat.split_with_sizes(sizes), tensors, strict=True)]


def _slots(module: nn.Module) -> Iterator[tuple[str, dict[str, Tensor | None], str]]:
    """Name, the dict that holds it and its key there, of each buffer that ``state_dict`` holds."""
    for path, inner in module.named_modules():
        for key, tensor in inner._buffers.items():
            if tensor is not None and key not in inner._non_persistent_buffers_set:
                yield f"{path}.{key}" if path else key, inner._buffers, key


def _same_objects(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


def _has_real_numbers(tensor: Tensor) -> bool:
    return bool(tensor.numel()) and tensor.is_floating_point()


def _writable(tensor: Tensor) -> bool:
    """Not expanded: what no step can write in place needs no copy."""
    return all(stride or size <= 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
