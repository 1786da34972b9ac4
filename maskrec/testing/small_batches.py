"""Batches of noise with the labels, images and places that a loss may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.contracts.sample import Batch
from maskrec.faces.alignment import arcface_template
from maskrec.testing.candidate import EMBEDDING_SIZE, IMAGE_SIZE


@dataclass(frozen=True, slots=True)
class LossInput:
    """What a loss is called with.

    Args:
        embeddings: ``(B, 8)``, before normalisation.
        labels: int64 ``(B,)``.
        batch: the samples' images and places.
    """

    embeddings: Tensor
    labels: Tensor
    batch: Batch

    def rows(self, chosen: slice | Tensor) -> LossInput:
        """Some of the samples, or all in another order."""
        old = self.batch
        assert old.landmarks is not None
        assert old.positions is not None
        batch = Batch(
            images=old.images[chosen],
            clean=old.clean[chosen],
            labels=old.labels[chosen],
            landmarks=old.landmarks[chosen],
            masked=old.masked[chosen],
            indices=old.indices[chosen],
            epoch=old.epoch,
            step=old.step,
            positions=old.positions[chosen],
        )
        return LossInput(self.embeddings[chosen].clone(), self.labels[chosen], batch)

    def with_embeddings(self, embeddings: Tensor) -> LossInput:
        """The same samples elsewhere."""
        return LossInput(embeddings, self.labels, self.batch)


def loss_input(labels: Sequence[int], seed: int = 1, dtype: torch.dtype = torch.float32) -> LossInput:
    """Samples with these labels; their embeddings and images are noise.

    Args:
        labels: one for each sample.
        seed: of the noise.
        dtype: of the embeddings; drawn in float64, so that they are the same numbers in each.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(labels)
    noise = torch.randn(count, EMBEDDING_SIZE, generator=generator, dtype=torch.float64)
    clean = torch.randint(0, 256, (count, 3, IMAGE_SIZE, IMAGE_SIZE), generator=generator, dtype=torch.uint8)
    batch = Batch(
        images=clean.to(dtype) / 255,
        clean=clean,
        labels=torch.tensor(labels),
        landmarks=torch.tensor(arcface_template(IMAGE_SIZE), dtype=torch.float32).expand(count, 5, 2).clone(),
        masked=torch.arange(count) % 3 == 0,
        indices=torch.arange(count),
        epoch=0,
        step=seed,
        positions=torch.arange(count) + 100 * seed,
    )
    return LossInput(noise.to(dtype), batch.labels, batch)
