"""How far the quickstart's test pairs can be solved untrained: by pixels, an untrained network, calibrated batch norms.

    python benchmarks/quickstart_baselines.py

Best-threshold accuracy per condition on the pairs of recipes/quickstart.yaml: embedded cartoon faces, which say nothing
about real ones. The threshold is chosen on the same pairs, so every figure is a little better than it could be in use.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model
from maskrec.metrics.accuracy import best_threshold
from maskrec.metrics.distances import pair_distances
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import load
from maskrec.runtime.model_input import apply_transforms
from maskrec.training.assemble import Assembly, assemble

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
SIDE = 8
CPU = Compute(torch.device("cpu"))


class Pixels(nn.Module):
    """The photo averaged to SIDE x SIDE pixels."""

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, 3 * SIDE * SIDE)``."""
        return avg_pool2d(images, images.shape[-1] // SIDE).flatten(1)


def embed(network: nn.Module, spec: InputSpec, pairs: PairSet, seed: int) -> NDArray[np.float32]:
    """As an evaluation embeds them, masks and all."""
    return Embedder(Model(network, spec, None, "a baseline"), CPU, seed, workers=0)(pairs)


def calibrate(network: nn.Module, parts: Assembly) -> None:
    """Batch norm statistics of one pass over the training faces, masks on; no weight changes."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    network.train()
    batches, position = [], 0
    for batch in parts.sampler:
        batches.append([(position + place, index) for place, index in enumerate(batch)])
        position += len(batch)
    spec: InputSpec = parts.backbone.input_spec
    with torch.no_grad():
        for loaded in load(parts.dataset, batches, 0, False):
            batch = apply_transforms(loaded, parts.transforms, parts.plan.seed, 0, 0)
            network(CPU.feed(batch.images, spec))


def row(name: str, embeddings: NDArray[np.float32], pairs: PairSet) -> str:
    """Best-threshold accuracies by condition."""
    distances = pair_distances(embeddings, pairs.left, pairs.right)
    figures = []
    for number in range(len(CONDITIONS)):
        chosen = pairs.condition == number
        same = pairs.same & chosen
        figures.append(best_threshold(distances[same], distances[chosen & ~pairs.same]).accuracy)
    return f"{name:<28}" + "".join(f"{figure:>13.4f}" for figure in figures)


def main() -> None:
    """Print the three rows."""
    catalog = discover(plugins=False)
    parts = assemble(resolve(RECIPE, catalog=catalog, data_root=Path()), catalog, Path())
    pairs = next(found for _, found in parts.pair_sets if found.label.endswith(".test"))
    spec: InputSpec = parts.backbone.input_spec
    plain = InputSpec(parts.image_size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    print(pairs.caveat)
    print(f"{len(pairs) // len(CONDITIONS)} pairs per condition".ljust(28) + "".join(f"{c:>13}" for c in CONDITIONS))
    print(row(f"{SIDE} x {SIDE} pixels", embed(Pixels(), plain, pairs, parts.plan.seed), pairs))
    print(row("untrained", embed(parts.backbone, spec, pairs, parts.plan.seed), pairs))
    calibrate(parts.backbone, parts)
    print(row("untrained, norms calibrated", embed(parts.backbone, spec, pairs, parts.plan.seed), pairs))


if __name__ == "__main__":
    main()
