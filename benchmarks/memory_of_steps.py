"""Batch against peak memory of a training step of the reference recipes, with and without activation checkpoints.

    python benchmarks/memory_of_steps.py                        # counted on a CPU
    python benchmarks/memory_of_steps.py --device cuda          # measured on a GPU, at the batches of the table
    python benchmarks/memory_of_steps.py arcface_inception      # one recipe

Prints the table of docs/memory.md. On a CPU the second step (the optimizer has its state by then) of a few small
batches is made as in a run, and a dispatch mode adds up the bytes of all tensors that are alive, each rounded up to
512 bytes as CUDA's allocator does it. That is a straight line over the batch, whose third point is checked; the table
is that line. What no operation returns is not in it: the workspaces of cuDNN and cuBLAS, the allocator's gaps, the
CUDA context (about 0.5 GiB).
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from bench_step import batches_of, built
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from maskrec.base.console import say, table
from maskrec.training.assemble import Assembly
from maskrec.training.train_step import TrainStep

RECIPES = {
    "arcface_inception": (64, 128, 256, 512),
    "triplet_inception": (60, 120, 300, 600),
    "arcface_seresnext101": (64, 128, 256, 512),
}
COUNTED = (4, 8, 12)
PRECISIONS = ("float32", "bfloat16")
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


def assembly_of(recipe: str, batch: int, precision: str, checkpoints: bool, device: str) -> Assembly:
    """The recipe with another batch size; triplets keep two people at least."""
    people = max(2, batch // 30)
    sizes = (
        (f"sampler.identities_per_batch={people}", f"sampler.images_per_identity={batch // people}")
        if recipe == "triplet_inception"
        else (f"sampler.batch_size={batch}",)
    )
    train = (f"train.precision={precision}", f"train.checkpoint_activations={str(checkpoints).lower()}")
    return built(recipe, *sizes, *train, f"train.device={device}", "train.prefetch=0")


def counted(assembly: Assembly) -> int:
    """The most bytes at once of the second step, on a CPU."""
    live = LiveBytes()
    with live:
        stepper = TrainStep(assembly)
        for module in (stepper.backbone, stepper.loss):
            live.know([*module.parameters(), *module.buffers()])
        for number, loaded in enumerate(batches_of(assembly, 2)):
            live.peak = live.now
            stepper.step([stepper.prepare(loaded, 0, number)])
    return live.peak


def measured(assembly: Assembly) -> int:
    """The same as CUDA's allocator counts it."""
    stepper = TrainStep(assembly)
    for number, loaded in enumerate(batches_of(assembly, 2)):
        torch.cuda.reset_peak_memory_stats()
        stepper.step([stepper.prepare(loaded, 0, number)])
    return torch.cuda.max_memory_allocated()


def line_of(recipe: str, precision: str, checkpoints: bool) -> tuple[float, float]:
    """Bytes of an empty batch and of each image, from three small batches."""
    few, more, check = (counted(assembly_of(recipe, batch, precision, checkpoints, "cpu")) for batch in COUNTED)
    each = (more - few) / (COUNTED[1] - COUNTED[0])
    none = few - COUNTED[0] * each
    foreseen = none + COUNTED[2] * each
    if abs(foreseen / check - 1) > 0.01:
        raise SystemExit(f"{recipe}: {check} bytes at a batch of {COUNTED[2]}, and the line says {foreseen:.0f}")
    return none, each


def rows_of(recipe: str, precision: str, device: str, batches: Sequence[int]) -> list[tuple[str, ...]]:
    """A row without and one with activation checkpoints: GiB for each batch."""
    found = []
    for checkpoints in (False, True):
        if device == "cuda":
            peaks = [measured(assembly_of(recipe, each, precision, checkpoints, device)) for each in batches]
            note = ""
        else:
            none, each = line_of(recipe, precision, checkpoints)
            peaks, note = [none + batch * each for batch in batches], f"{none / 2**20:.0f} + {each / 2**20:.2f} B"
        cells = [f"{peak / _GIB:.2f}" for peak in peaks]
        found.append((recipe, precision, "yes" if checkpoints else "no", note, *cells))
    return found


def main() -> None:
    """Print one table a recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precisions", nargs="*", default=list(PRECISIONS), choices=PRECISIONS)
    given = parser.parse_args()
    for recipe in given.recipes:
        batches = RECIPES[recipe]
        head = ("RECIPE", "PRECISION", "CHECKPOINTS", "MIB AT BATCH B", *(f"GIB AT {each}" for each in batches))
        rows = [row for each in given.precisions for row in rows_of(recipe, each, given.device, batches)]
        say(table([head, *rows]))


if __name__ == "__main__":
    main()
