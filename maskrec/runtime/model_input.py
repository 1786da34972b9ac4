"""What happens to a batch on the device before the network sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from maskrec.base.errors import PluginError
from maskrec.base.random import SeededDraws
from maskrec.contracts.call_into import call_into
from maskrec.contracts.kinds import Transform
from maskrec.contracts.sample import Batch
from maskrec.runtime.loading import LoadedBatch


def apply_transforms(
    loaded: LoadedBatch,
    transforms: Mapping[str, Transform],
    seed: int,
    epoch: int,
    step: int,
    names: Mapping[str, str] | None = None,
    look: Callable[[str, Batch], None] | None = None,
) -> Batch:
    """The batch after every transform, in the recipe's order; each draws by its label and the samples' positions.

    Args:
        loaded: on the device.
        transforms: by label.
        seed: the run's.
        epoch: from 0.
        step: optimizer steps finished before.
        names: by label, as messages name the transforms.
        look: called with the name and the batch after each transform.

    Raises:
        PluginError: a transform raised, or returned something other than a batch of the same faces.
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
        who = (names or {}).get(label, f"transforms.{label}")
        shape = batch.images.shape
        with call_into(who, "failed in __call__", transform):
            batch = transform(batch, SeededDraws(seed, epoch, f"transforms.{label}", loaded.positions))
        if not isinstance(batch, Batch) or batch.images.shape != shape:
            raise PluginError(f"{who} must return a Batch whose images are still {tuple(shape)}")
        if look is not None:
            look(who, batch)
    return batch


def batch_to(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device; the same batch where they are there already."""
    if batch.images.device == device:
        return batch
    fields = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    moved: dict[str, Any] = {name: value.to(device) for name, value in fields.items() if isinstance(value, Tensor)}
    return dataclasses.replace(batch, **moved)
