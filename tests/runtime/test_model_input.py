"""Batches on their way to a network."""

from __future__ import annotations

import torch

from maskrec.contracts.sample import Batch
from maskrec.runtime.model_input import batch_to


def test_a_batch_moves_with_all_its_tensors_and_keeps_the_rest() -> None:
    images = torch.rand(2, 3, 4, 4)
    batch = Batch(images, images.byte(), torch.arange(2), None, torch.tensor([True, False]), torch.arange(2), 3, 7)
    assert batch_to(batch, torch.device("cpu")) is batch
    moved = batch_to(batch, torch.device("meta"))
    devices = {each.device.type for each in (moved.images, moved.clean, moved.labels, moved.masked, moved.indices)}
    assert devices == {"meta"}
    assert (moved.images.shape, moved.landmarks, moved.positions) == (images.shape, None, None)
    assert (moved.epoch, moved.step) == (3, 7)
