"""Which masks a face's copies wear: by weights, no type repeats before all have been used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from maskrec.base.errors import UsageError
from maskrec.base.random import SeededDraws, key_of
from maskrec.faces.masks import REFERENCE_TYPES, type_problems

LABEL = "data mask"


@dataclass(frozen=True, slots=True)
class MaskPlan:
    """How copies are masked.

    Args:
        types: weights by name.
        copies: masked copies of a face.
        every_type: one copy in each type instead.
    """

    types: dict[str, float]
    copies: int = 1
    every_type: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The types in use."""
        return tuple(name for name, weight in self.types.items() if weight > 0)

    @property
    def number(self) -> int:
        """The number of copies of a face."""
        return len(self.names) if self.every_type else self.copies

    def worn(self, keys: Sequence[str], seed: int) -> list[list[str]]:
        """The types of each face's copies.

        Args:
            keys: the faces' names in their source.
            seed: same seed and name, same types.
        """
        if self.every_type:
            return [list(self.names) for _ in keys]
        draws = draws_of(keys, seed, LABEL)
        rounds = math.ceil(self.copies / len(self.names))
        uniform = draws.uniform("types", (rounds, len(self.names))).double() + 2.0**-25
        weights = torch.tensor([self.types[name] for name in self.names], dtype=torch.float64)
        # Sampling by weight without replacement (Efraimidis and Spirakis, 2006).
        order = (-uniform.log() / weights).argsort(dim=-1, stable=True).flatten(1)[:, : self.copies]
        return [[self.names[index] for index in row] for row in order.tolist()]


def draws_of(keys: Sequence[str], seed: int, label: str) -> SeededDraws:
    """Random numbers determined by a face's name: groups, shards and other faces in the source do not change them."""
    return SeededDraws(seed, 0, label, torch.tensor([key_of(key) for key in keys], dtype=torch.int64))


def read_types(words: Sequence[str]) -> dict[str, float]:
    """``NAME`` and ``NAME=WEIGHT`` words (or several with commas) as weights; no words: the reference's five.

    Raises:
        UsageError: a type is unknown or listed twice, or a weight is invalid.
    """
    weights: dict[str, float] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        name, equals, value = word.partition("=")
        try:
            weight = float(value) if equals else 1.0
        except ValueError:
            raise UsageError(f"--types {word}: a weight is a number, such as {name}=2") from None
        if name in weights:
            raise UsageError(f"--types: {name} is listed twice")
        weights[name] = weight
    weights = weights or dict.fromkeys(REFERENCE_TYPES, 1.0)
    for sentence in type_problems(weights):
        raise UsageError(f"--types: {sentence}")
    return weights


def make_plan(words: Sequence[str], copies: int, every_type: bool) -> MaskPlan:
    """A plan from what the user typed.

    Raises:
        UsageError: types as in ``read_types``; copies below 1, or combined with every type.
    """
    if copies < 1:
        raise UsageError(f"--copies {copies}: must be at least 1")
    if every_type and copies != 1:
        raise UsageError("--every-type makes one copy in each type: remove --copies")
    return MaskPlan(read_types(words), copies, every_type)
