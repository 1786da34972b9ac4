"""Faces between two people: half of one, some of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.transforms.ranges import probability_problems, range_problems, refuse


class Mixup:
    """Blends a face with the one before it in the batch; ``images``, ``clean`` and landmarks are blended alike.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, for a loss that needs no labels: under
    ``template_distillation`` the teacher sees the same blend, so that a few people become a continuum of faces (Beyer
    et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022). Labels are not blended; they
    stay those of the face that has the larger share. Put it before masks, which are then drawn on the blend. Faces of
    which one is masked and one is not are not blended. Who is blended with whom depends on the batch, and so on the
    number of processes.

    Args:
        probability: of a face being blended, 0 to 1.
        share: range of the other face's share, within 0 to 0.5, drawn evenly.

    Raises:
        ValueError: a probability outside 0 to 1, or a range that is none.
    """

    def __init__(self, probability: float = 0.5, share: tuple[float, float] = (0.0, 0.5)) -> None:
        refuse(self.check({"probability": probability, "share": share}, CheckContext()))
        self.probability, self.share = probability, (share[0], share[1])

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Whether probability and share are some."""
        yield from probability_problems(values)
        yield from range_problems("share", values["share"], 0.0, 0.5)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with some of its faces blended with their neighbours."""
        low, high = self.share
        alike = batch.masked == batch.masked.roll(1)
        chosen = (draws.uniform("mix") < self.probability) & alike
        share = torch.where(chosen, low + (high - low) * draws.uniform("share"), 0.0).to(torch.float32)
        landmarks = batch.landmarks
        if landmarks is not None:
            landmarks = torch.lerp(landmarks, landmarks.roll(1, 0), share[:, None, None])
        rows = share[:, None, None, None]
        clean = batch.clean.to(torch.float32)
        return replace(
            batch,
            images=torch.lerp(batch.images, batch.images.roll(1, 0), rows),
            clean=torch.lerp(clean, clean.roll(1, 0), rows).round_().to(torch.uint8),
            landmarks=landmarks,
        )
