"""What a piece of work asks of a device: operations, and results that Python waits for.

Both are the same on every machine and need no GPU to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Operations whose result, or the size of whose result, the host must know.
_READING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "equal",
    "_unique",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
    "_assert_scalar",
}
# The same as methods, where a CPU tensor answers without an operation and a device's would have to be waited for.
_METHODS: Sequence[Callable[..., Any]] = (Tensor.tolist, Tensor.cpu)


class OperationCounts(TorchDispatchMode):
    """Counts what is dispatched within ``with``, forward and backward.

    ``operations`` are those that are no views, allocations included: what a device is sent, one kernel or more each.
    ``host_reads`` are those that Python waits for: ``item``, ``bool`` and the like, ``nonzero`` and indices by masks,
    ``tolist``, copies to the CPU. ``Tensor.numpy`` is no wait: it works on tensors in the CPU's memory only. What runs
    inside ``torch.compile`` is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self._methods = _ReadingMethods(self.reads)

    @property
    def operations(self) -> int:
        """How many operations were dispatched that are no views."""
        return self.names.total()

    @property
    def host_reads(self) -> int:
        """How often Python waited for a result."""
        return self.reads.total()

    def __enter__(self) -> OperationCounts:
        self._methods.__enter__()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._methods.__exit__(kind, error, trace)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        result = func(*args, **(kwargs or {}))
        if not func.is_view and not name.startswith("_record_function"):
            self.names[name] += 1
        if name in _READING or _indexes_by_mask(name, args) or _leaves_a_device(args, result):
            self.reads[name] += 1
        return result


class _ReadingMethods(TorchFunctionMode):
    """Counts methods that read and that are no operation on a CPU."""

    def __init__(self, reads: Counter[str]) -> None:
        super().__init__()
        self.reads = reads

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _METHODS and args[0].device.type == "cpu":
            self.reads[func.__name__] += 1
        return func(*args, **(kwargs or {}))


def _indexes_by_mask(name: str, args: Sequence[Any]) -> bool:
    """Whether an index is a mask, whose places must be found first."""
    if name not in ("index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_"):
        return False
    return any(isinstance(each, Tensor) and each.dtype in (torch.bool, torch.uint8) for each in args[1])


def _leaves_a_device(args: Sequence[Any], result: Any) -> bool:
    """Whether an operation moves a tensor from another device to the CPU."""
    given = [each for each in args if isinstance(each, Tensor)]
    arrived = isinstance(result, Tensor) and result.device.type == "cpu"
    return arrived and any(each.device.type not in ("cpu", "meta") for each in given)
