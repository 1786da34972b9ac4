"""Batches of noise with landmarks where a face's would be."""

from __future__ import annotations

import torch

from maskrec.contracts.sample import Batch
from maskrec.faces.alignment import arcface_template


def random_batch(count: int, size: int = 48, landmarks: bool = True) -> Batch:
    """``count`` square images, every fifth masked, with indices that are not row numbers."""
    generator = torch.Generator().manual_seed(11)
    images = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    points = torch.tensor(arcface_template(size), dtype=torch.float32) + torch.randn(count, 5, 2, generator=generator)
    return Batch(
        images=images.float() / 255,
        clean=images,
        labels=torch.arange(count),
        landmarks=points if landmarks else None,
        masked=torch.arange(count) % 5 == 4,
        indices=torch.arange(count) * 3,
        epoch=0,
        step=0,
    )
