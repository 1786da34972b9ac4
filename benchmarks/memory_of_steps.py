"""Batch against peak memory of a training step of the reference networks, with and without activation checkpoints.

    python benchmarks/memory_of_steps.py                        # counted on a CPU, nothing is computed
    python benchmarks/memory_of_steps.py --device cuda          # measured on a GPU
    python benchmarks/memory_of_steps.py arcface_inception      # one recipe

Prints the table of docs/memory.md. A step is the network's: images, forward and backward pass of a plain loss, the
recipe's optimizer; a later step than the first, when the optimizer has its state. Counted: torch's fake tensors go
through it, and a dispatch mode adds up the bytes of all that are alive, each rounded up to 512 bytes as CUDA's
allocator does it, at two batches; the others lie on the straight line through them. What no operation returns is not in
it: workspaces of cuDNN and cuBLAS, gaps of the allocator, the CUDA context.
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from bench_step import built
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from maskrec.base.console import say, table
from maskrec.runtime.compute import Compute
from maskrec.training.steps.activation_checkpointing import recompute_activations
from maskrec.training.steps.optimizing import build_optimizer

RECIPES = {
    "arcface_inception": (64, 128, 256, 512),
    "triplet_inception": (64, 128, 256, 600),
    "arcface_seresnext101": (64, 128, 256, 512),
}
PRECISIONS = ("float32", "bfloat16")
COUNTED = (64, 256)
_BLOCK, _GIB = 512, 2**30


class LiveBytes(TorchDispatchMode):
    """Within ``with``, the bytes of all tensors that operations have returned and that are still alive; their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: set[int] = set()

    def know(self, tensors: Iterable[Tensor]) -> None:
        """Count these too, which were made before."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage._cdata in self._alive:
                continue
            self._alive.add(storage._cdata)
            size = -(-storage.nbytes() // _BLOCK) * _BLOCK
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._gone, storage._cdata, size).atexit = False

    def _gone(self, address: int, size: int) -> None:
        self._alive.remove(address)
        self.now -= size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.know(each for each in tree_leaves(result) if isinstance(each, Tensor))
        return result


class Network:
    """A recipe's network with its optimizer.

    Args:
        recipe: its name.
        compute: device and precision.
        checkpoints: whether activations are computed again.
        fake: the mode of tensors without numbers; None for real ones.
    """

    def __init__(self, recipe: str, compute: Compute, checkpoints: bool, fake: FakeTensorMode | None) -> None:
        assembly = built(recipe)
        self.size, self.spec, self.compute = assembly.image_size, assembly.backbone.input_spec, compute
        self.backbone: nn.Module = compute.place(assembly.backbone).train()
        if fake is not None:
            _without_numbers(self.backbone, fake)
        if checkpoints:
            recompute_activations(self.backbone, assembly.plan.backbone.who)
        self.optimizer = build_optimizer(assembly.plan.optimizer, self.backbone, nn.Module())
        if fake is not None:
            for group in self.optimizer.param_groups:
                group["fused"] = False  # fake tensors cannot go through fused kernels, which need no more memory

    def step(self, batch: int) -> None:
        """One optimizer step over black images."""
        clean = torch.zeros(batch, 3, self.size, self.size, dtype=torch.uint8, device=self.compute.device)
        images = clean.float() / 255
        self.optimizer.zero_grad(set_to_none=True)
        with self.compute.autocast():
            embeddings = self.backbone(self.compute.feed(images, self.spec))
        embeddings.float().square().mean().backward()
        self.optimizer.step()


def _without_numbers(module: nn.Module, fake: FakeTensorMode) -> None:
    """Fake tensors in the place of a module's parameters and buffers."""
    for inner in module.modules():
        for name, weight in inner._parameters.items():
            if weight is not None:
                inner._parameters[name] = nn.Parameter(fake.from_tensor(weight.detach()), weight.requires_grad)
        for name, buffer in inner._buffers.items():
            if buffer is not None:
                inner._buffers[name] = fake.from_tensor(buffer)


def counted(recipe: str, precision: str, checkpoints: bool, batches: Sequence[int]) -> list[int]:
    """The most bytes at once of a step, for each batch; on a CPU."""
    fake, live, peaks = FakeTensorMode(allow_non_fake_inputs=True), LiveBytes(), []
    network = Network(recipe, Compute(torch.device("cpu"), precision, True), checkpoints, fake)  # type: ignore[arg-type]
    with fake, live:
        live.know([*network.backbone.parameters(), *network.backbone.buffers()])
        for batch in (COUNTED[0], *COUNTED):  # the first step makes the optimizer's state
            live.peak = live.now
            network.step(batch)
            peaks.append(live.peak)
    each = (peaks[2] - peaks[1]) / (COUNTED[1] - COUNTED[0])
    return [round(peaks[1] + (batch - COUNTED[0]) * each) for batch in batches]


def measured(recipe: str, precision: str, checkpoints: bool, batches: Sequence[int]) -> list[int]:
    """The same as CUDA's allocator counts it."""
    network, found = Network(recipe, Compute(torch.device("cuda"), precision, True), checkpoints, None), []  # type: ignore[arg-type]
    for batch in batches:
        for _ in range(2):
            torch.cuda.reset_peak_memory_stats()
            network.step(batch)
        found.append(torch.cuda.max_memory_allocated())
    return found


def main() -> None:
    """Print one table a recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precisions", nargs="*", default=list(PRECISIONS), choices=PRECISIONS)
    given = parser.parse_args()
    of_device = measured if given.device == "cuda" else counted
    for recipe in given.recipes:
        batches = RECIPES[recipe]
        rows: list[Sequence[str]] = [("RECIPE", "PRECISION", "CHECKPOINTS", *(f"GIB AT {each}" for each in batches))]
        for precision in given.precisions:
            for checkpoints in (False, True):
                peaks = of_device(recipe, precision, checkpoints, batches)
                cells = [f"{peak / _GIB:.2f}" for peak in peaks]
                rows.append((recipe, precision, "yes" if checkpoints else "no", *cells))
        say(table(rows))


if __name__ == "__main__":
    main()
