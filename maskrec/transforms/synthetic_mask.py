"""Putting simulated masks on while training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from maskrec.contracts.context import CheckContext
from maskrec.contracts.errors import UsageError
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.faces.masks import choose_types, put_on_masks, type_problems
from maskrec.transforms.ranges import probability_problems, refuse


class SyntheticMask:
    """Puts a simulated mask on some faces, by their landmarks; ``images`` and ``masked`` change, ``clean`` stays.

    Faces that are masked already keep their mask. Each mask is another one: type, place, size, tilt and shade are the
    sample's own draws.

    Args:
        probability: of a bare face getting a mask, 0 to 1.
        types: mask types to choose from, evenly (a list) or by weight (a map); by default the five reference types:
            surgical_green, surgical_blue, n95, kn95, cloth_black.

    Raises:
        ValueError: a probability outside 0 to 1, an unknown type, or weights that are none.
    """

    needs_landmarks = True

    def __init__(self, probability: float = 0.5, types: list[str] | dict[str, float] | None = None) -> None:
        refuse(self.check({"probability": probability, "types": types}, CheckContext()))
        self.probability = probability
        self.types = types

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Whether the probability is one and the types are there."""
        yield from probability_problems(values)
        yield from (Problem(sentence, "types") for sentence in type_problems(values["types"]))

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with some of its bare faces masked.

        Raises:
            UsageError: a batch without landmarks.
        """
        if batch.landmarks is None:
            raise UsageError(
                "synthetic_mask needs landmarks and the data has none: add landmark columns or a landmarks file to it"
            )
        worn = (draws.uniform("wear") < self.probability) & ~batch.masked
        types = torch.where(worn, choose_types(draws.uniform("type"), self.types), -1)
        images = put_on_masks(batch.images, batch.landmarks, types, draws)
        return replace(batch, images=images, masked=batch.masked | worn)
