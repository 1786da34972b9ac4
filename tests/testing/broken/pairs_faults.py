"""Pair sets, each with one fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from maskrec import Component, PairSet, Sample, hookimpl
from maskrec.contracts.context import Context

FAILS = {
    "beyond_its_images": {"indices_in_range"},
    "bare_masks": {"conditions_true"},
    "photos_with_masks": {"conditions_true"},
    "everybody_everywhere": {"folds_identity_disjoint"},
}


@hookimpl
def maskrec_pairs() -> list[Component]:
    return [
        Component("beyond_its_images", ":beyond_its_images", "has an index that no image has"),
        Component("bare_masks", ":bare_masks", "says bare where a mask is put on"),
        Component("photos_with_masks", ":photos_with_masks", "says bare where the photo shows a mask"),
        Component("everybody_everywhere", ":everybody_everywhere", "has people in several folds"),
    ]


@dataclass(frozen=True)
class Squares:
    """Two grey squares a person, masked from a number on."""

    size: int
    masked_from: int = 100

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Sample:
        image = torch.full((3, self.size, self.size), 20 * index, dtype=torch.uint8)
        return Sample(image, -1, None, index >= self.masked_from, f"square {index}")


def plain(context: Context, image_size: int, **changed: Any) -> PairSet:
    """Pairs of six people in two folds, without a fault."""
    first = np.arange(0, 12, 2)
    others = np.array([2, 4, 0, 8, 10, 6])  # of the same fold
    fold = np.array([0, 0, 0, 1, 1, 1])
    pairs = PairSet(
        label=context.path,
        images=Squares(image_size),
        mask_types=[None] * 12,
        left=np.concatenate([first, first]),
        right=np.concatenate([first + 1, others]),
        same=np.arange(12) < 6,
        condition=np.zeros(12, np.int8),
        fold=np.concatenate([fold, fold]),
        identities=[f"person {index // 2}" for index in range(12)],
    )
    return replace(pairs, **changed)


def beyond_its_images(context: Context, image_size: int) -> PairSet:
    """An index that no image has, set once it was checked.

    Args:
        context: its path is the label.
        image_size: in pixels.
    """
    pairs = plain(context, image_size)
    pairs.left[3] = -1  # Python finds an image there
    return pairs


def bare_masks(context: Context, image_size: int) -> PairSet:
    """Bare by its condition, and a mask is put on.

    Args:
        context: its path is the label.
        image_size: in pixels.
    """
    return plain(context, image_size, mask_types=["n95", *[None] * 11])


def photos_with_masks(context: Context, image_size: int) -> PairSet:
    """Bare by its condition, and photos show masks.

    Args:
        context: its path is the label.
        image_size: in pixels.
    """
    return plain(context, image_size, images=Squares(image_size, masked_from=8))


def everybody_everywhere(context: Context, image_size: int) -> PairSet:
    """People in several folds.

    Args:
        context: its path is the label.
        image_size: in pixels.
    """
    return plain(context, image_size, fold=np.arange(12) % 3)
