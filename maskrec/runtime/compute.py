"""Where and how a network computes: device, precision, memory format."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise
from maskrec.recipe.plan import Train

Precision = Literal["float32", "bfloat16", "float16", "float64"]
Network = TypeVar("Network", bound=nn.Module)

_DEVICES = "auto, cpu, cuda, cuda:N or mps"


@dataclass(frozen=True, slots=True)
class Compute:
    """Device, precision and memory format, chosen once for all networks of a run or of a command.

    Args:
        device: of this process.
        precision: of forward passes: ``bfloat16`` and ``float16`` keep float32 weights and run under autocast.
        channels_last: whether images and the weights of convolutions lie in memory pixel by pixel.
    """

    device: torch.device
    precision: Precision = "float32"
    channels_last: bool = False

    @classmethod
    def pick(cls, train: Train) -> Compute:
        """What a recipe's ``train`` section asks for; ``precision: auto`` is what `fast_precision` says.

        Raises:
            UsageError: a device that torch does not know or this machine does not have, or float64 on mps.
        """
        device = pick_device(train.device)
        precision = train.precision
        if device.type == "mps" and precision == "float64":
            raise UsageError("train.precision is float64, which mps cannot compute in; use float32 or train.device=cpu")
        if precision == "auto":
            precision = fast_precision(device)
        return cls(device, precision, train.channels_last)

    @property
    def dtype(self) -> torch.dtype:
        """What weights and images are kept in: float64 when asked, else float32."""
        return torch.float64 if self.precision == "float64" else torch.float32

    @property
    def prepares_on(self) -> torch.device:
        """Where batches are transformed: the device itself; the CPU for mps, which lacks the float64 this takes."""
        return torch.device("cpu") if self.device.type == "mps" else self.device

    @property
    def pin_memory(self) -> bool:
        """Whether loaded batches are pinned, so that copies to the device do not wait."""
        return self.device.type == "cuda"

    @property
    def has_streams(self) -> bool:
        """Whether the device copies and transforms a batch while it computes with another one."""
        return self.device.type == "cuda"

    def time_when_done(self) -> float:
        """``time.perf_counter()`` when the device has done all that it was given; waits for it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @property
    def peak_memory(self) -> int | None:
        """The most bytes of the device that tensors of this process have had at once; None where it is not CUDA."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def record(self) -> dict[str, Any]:
        """Device, precision and what float32 products are computed in, for a run's provenance."""
        cuda = self.device.type == "cuda"
        tf32 = {
            "matmul": bool(torch.backends.cuda.matmul.allow_tf32),
            "convolution": bool(torch.backends.cudnn.allow_tf32),
        }
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else str(self.device),
            "precision": self.precision,
            "tf32": tf32 if cuda else None,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }

    def autocast(self) -> AbstractContextManager[Any]:
        """The context that a forward pass runs in."""
        if self.precision in ("bfloat16", "float16"):
            return torch.autocast(self.device.type, dtype=getattr(torch, self.precision))
        return nullcontext()

    def place(self, network: Network) -> Network:
        """The network itself, moved to the device, its weights in ``dtype`` and in the memory format."""
        network = network.to(self.device, self.dtype)
        return network.to(memory_format=torch.channels_last) if self.channels_last else network

    def feed(self, images: Tensor, spec: InputSpec) -> Tensor:
        """Images as a network expects them: normalized by its statistics, in ``dtype`` and the memory format.

        Args:
            images: float RGB ``(B, 3, H, W)`` in [0, 1].
            spec: the network's.

        Returns:
            ``(B, 3, H, W)`` on the device, in the network's colour order.
        """
        images = normalise(images.to(self.device, self.dtype), spec)
        return images.contiguous(memory_format=torch.channels_last) if self.channels_last else images


def fast_precision(device: torch.device) -> Precision:
    """The precision that a device computes in fast.

    On CUDA bfloat16 where the device has it and does not emulate it, else float16 from compute capability 7.0 (the
    first with tensor cores) on; float32 on all others.
    """
    if device.type != "cuda":
        return "float32"
    with torch.cuda.device(device):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16"
    return "float16" if torch.cuda.get_device_capability(device) >= (7, 0) else "float32"


def pick_device(name: str, what: str = "train.device") -> torch.device:
    """The device for this process: ``auto`` is CUDA (this process's card) when there is one, else the CPU.

    Args:
        name: auto, cpu, cuda, cuda:N or mps.
        what: how messages call the setting.

    Raises:
        UsageError: another device, or one that this machine does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"{what}: torch does not know the device {name!r}; use {_DEVICES}") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"{what} is {name}, on which maskrec does not run; use {_DEVICES}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"{what} is {name} and torch finds no Apple GPU here; use cpu or auto")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError(f"{what} is {name} and this machine has no usable CUDA device; use cpu or auto")
        index = device.index if device.index is not None else int(os.environ.get("LOCAL_RANK", "0"))
        if index >= torch.cuda.device_count():
            raise UsageError(f"{what} is cuda:{index} and there are {torch.cuda.device_count()} CUDA devices")
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    return device


def set_threads(train: Train) -> None:
    """Give torch the recipe's number of CPU threads, when it says one."""
    if train.threads is not None:
        torch.set_num_threads(train.threads)


@contextmanager
def deterministic_algorithms(asked: bool) -> Iterator[None]:
    """Within it, torch takes only algorithms that give the same result each time, where a recipe asks for them.

    An operation that has none raises a RuntimeError.
    """
    if not asked:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as torch's documentation of the setting requires
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
