"""Weights that make rare identities count as much as frequent ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

ClassWeighting = Literal["none", "log", "effective_number"]
WeightsNorm = Literal["global", "batch"]


def class_weights(weighting: ClassWeighting, counts: Sequence[int], beta: float) -> Tensor | None:
    """One weight a class, scaled to mean 1 over the classes.

    ``log``: 1 / log(1 + n). ``effective_number``: (1 - beta) / (1 - beta**n) (Cui et al., "Class-Balanced Loss Based
    on Effective Number of Samples", 2019). n is the class's number of training images.

    Args:
        weighting: which of them; ``none`` returns None.
        counts: images of each class, all above 0.
        beta: in [0, 1); used by ``effective_number`` only.

    Returns:
        float64 ``(C,)``.

    Raises:
        ValueError: a class without images has no weight.
    """
    if weighting == "none":
        return None
    if sentence := empty_class_sentence(counts):
        raise ValueError(sentence)
    images = torch.from_numpy(np.array(counts, dtype=np.float64))
    weights = 1 / torch.log1p(images) if weighting == "log" else (1 - beta) / (1 - beta**images)
    return weights / weights.mean()


def empty_class_sentence(counts: Sequence[int]) -> str:
    """What is wrong with the counts of classes, or an empty string."""
    empty = np.flatnonzero(np.asarray(counts) < 1)
    if not len(empty):
        return ""
    first = ", ".join(map(str, empty[:5].tolist())) + (", ..." if len(empty) > 5 else "")
    return (
        f"class weights need at least one image of every class, and {len(empty)} of {len(counts)} classes have none "
        f"(labels {first}); number the labels without gaps or set class_weights: none"
    )
