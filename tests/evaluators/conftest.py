"""Pair sets without pixels: evaluators see images only through ``embed``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.sample import Sample


class NoImages:
    """As many images as embeddings; no image is read."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int, /) -> Sample:
        raise AssertionError("an evaluator reads no image")


class People:
    """Gaussian people: pair sets by label, their embeddings, and the ``embed`` that the runner would give."""

    def __init__(self) -> None:
        self.embeddings: dict[str, np.ndarray] = {}
        self.mirrored: dict[str, np.ndarray] = {}
        self.views: list[tuple[str, View]] = []

    def add(self, label: str, embeddings: Any, **columns: Any) -> PairSet:
        """A pair set of given embeddings; ``left, right, same, condition, fold`` as arrays."""
        self.embeddings[label] = np.asarray(embeddings, dtype=np.float32)
        defaults = {"condition": np.zeros(len(columns["left"]), dtype=np.int8), "fold": None}
        number = len(self.embeddings[label])
        return PairSet(label, NoImages(number), [None] * number, **{**defaults, **columns})

    def draw(self, label: str, noise: float = 0.9, pairs: int = 1200, seed: int = 0, conditions: int = 3) -> PairSet:
        """Half same and half different pairs of 40 people x 8 photos in 32 numbers, conditions in turn."""
        rng = np.random.default_rng(seed)
        photos = np.repeat(rng.normal(size=(40, 32)), 8, axis=0) + noise * rng.normal(size=(320, 32))
        person = rng.integers(0, 40, pairs)
        same = np.arange(pairs) % 2 == 0
        other = np.where(same, person, (person + rng.integers(1, 40, pairs)) % 40)
        photo = rng.integers(0, 8, pairs)
        left, right = person * 8 + photo, other * 8 + (photo + rng.integers(1, 8, pairs)) % 8
        condition = (np.arange(pairs) // 2 % conditions).astype(np.int8)
        return self.add(label, photos, left=left, right=right, same=same, condition=condition)

    def embed(self, pairs: PairSet, view: View = View()) -> np.ndarray:  # noqa: B008
        self.views.append((pairs.label, view))
        return (self.mirrored if view.flip else self.embeddings)[pairs.label]


@pytest.fixture
def people() -> People:
    """A fresh ``People``."""
    return People()


@pytest.fixture(scope="session")
def plain_json() -> Callable[[Any], None]:
    """Fails unless a value consists of JSON's own types: no numpy numbers, no NaN."""

    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert all(type(key) is str for key in value)
            for each in value.values():
                check(each)
        elif isinstance(value, list):
            for each in value:
                check(each)
        else:
            assert value is None or type(value) in (str, int, bool, float), (value, type(value))
            assert value == value
            assert value not in (float("inf"), float("-inf"))

    return check
