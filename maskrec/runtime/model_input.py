"""What happens to a batch on the device before the network sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskrec.base.errors import MaskrecError
from maskrec.base.random import Draws
from maskrec.contracts.kinds import Transform
from maskrec.contracts.sample import Batch
from maskrec.runtime.loading import LoadedBatch


def apply_transforms(
    loaded: LoadedBatch, transforms: Mapping[str, Transform], seed: int, epoch: int, step: int
) -> Batch:
    """The batch after every transform, in the recipe's order; each draws by its label and the samples' positions.

    Raises:
        MaskrecError: a transform returned something other than a batch of the same faces.
    """
    batch = Batch(
        images=loaded.images.float() / 255,
        clean=loaded.images,
        labels=loaded.labels,
        landmarks=loaded.landmarks,
        masked=loaded.masked,
        indices=loaded.indices,
        epoch=epoch,
        step=step,
        positions=loaded.positions,
    )
    for label, transform in transforms.items():
        shape = batch.images.shape
        batch = transform(batch, Draws(seed, epoch, f"transforms.{label}", loaded.positions))
        if not isinstance(batch, Batch) or batch.images.shape != shape:
            raise MaskrecError(f"transforms.{label} must return a Batch whose images are still {tuple(shape)}")
    return batch


def batch_to(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device; the same batch where they are there already."""
    if batch.images.device == device:
        return batch
    fields = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    moved: dict[str, Any] = {name: value.to(device) for name, value in fields.items() if isinstance(value, Tensor)}
    return dataclasses.replace(batch, **moved)
