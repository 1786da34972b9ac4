"""What a target may request by parameter name, like pytest fixtures; fixed for a major version, typed.

Built in this order, each kind seeing the givens before it: backbone, dataset, sampler, loss; then pairs, transforms,
evaluators and observers. A part sees what the component around it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskrec.contracts.context import Context

GIVEN_TYPES: dict[str, object] = {
    "seed": int,
    "context": Context,
    "image_size": int,
    "labels": Sequence[int],
    "num_classes": int,
    "class_counts": Sequence[int],
    "embedding_size": int,
    "run_dir": Path,
}

_DATASET = ("seed", "context", "image_size")
_SAMPLER = (*_DATASET, "labels", "num_classes", "class_counts")
_LOSS = (*_SAMPLER, "embedding_size")
_LATE = (*_LOSS, "run_dir")

GIVENS: dict[str, tuple[str, ...]] = {
    "backbone": _DATASET,  # image_size is None unless the recipe sets it
    "dataset": _DATASET,
    "sampler": _SAMPLER,
    "loss": _LOSS,
    "pairs": _LATE,
    "transform": _LATE,
    "evaluator": _LATE,
    "observer": _LATE,
}
