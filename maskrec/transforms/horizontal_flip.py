"""Mirroring faces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.ranges import probability_problems, refuse


@cache
def _other_side(device: torch.device) -> Tensor:
    """The landmark that each one becomes in a mirror."""
    return torch.tensor([1, 0, 2, 4, 3], device=device)


class HorizontalFlip:
    """Mirrors images, clean images and landmarks together; left and right landmarks are swapped.

    Args:
        probability: probability that a sample is mirrored, 0 to 1.

    Raises:
        ValueError: a probability outside 0 to 1.
    """

    def __init__(self, probability: float = 0.5) -> None:
        refuse(probability_problems({"probability": probability}))
        self.probability = probability

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check the probability."""
        return probability_problems(values)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with some of its samples mirrored."""
        flipped = draws.matrix((("flip", 1),))[:, 0] < self.probability
        rows = flipped[:, None, None, None]
        landmarks = batch.landmarks
        if landmarks is not None:
            mirrored = landmarks.index_select(1, _other_side(landmarks.device))
            mirrored[..., 0].neg_().add_(batch.images.shape[3] - 1)
            landmarks = torch.where(flipped[:, None, None], mirrored, landmarks)
        return replace(
            batch,
            images=torch.where(rows, batch.images.flip(3), batch.images),
            clean=torch.where(rows, batch.clean.flip(3), batch.clean),
            landmarks=landmarks,
        )
