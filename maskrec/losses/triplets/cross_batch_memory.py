"""A memory of past steps' embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.triplet_parts import Recalled


class CrossBatchMemory(nn.Module):
    """The latest embeddings of past steps, to which those of the batch are compared as well.

    Wang, Zhang, Huang and Scott, "Cross-Batch Memory for Embedding Learning", 2020: embeddings change little from step
    to step, so that those of past steps are nearly as good as fresh ones, and cost no forward pass. Gradients reach the
    batch only. They change fast at first, which is why the memory is filled from the first step and used later. A
    sample that comes again before its last embedding is overwritten is compared with that too; ``size`` below the
    number of samples of an epoch keeps this rare.

    The whole of it is part of the checkpoint: ``size * embedding_size`` numbers.

    Args:
        embedding_size: of the backbone's embeddings.
        size: how many embeddings are kept, at least 1. Each step computes distances from its batch to all of them.
        start: after how many batches they are used, at least 0.

    Raises:
        ValueError: a parameter out of range.
    """

    embeddings: Tensor
    labels: Tensor
    stored: Tensor
    batches: Tensor

    def __init__(self, embedding_size: int, size: int = 4096, start: int = 1000) -> None:
        super().__init__()
        refuse(self.check({"size": size, "start": start}, CheckContext()))
        self.size, self.start = size, start
        # All of it tensors of the device, the counters too: nobody waits for them, and a step can be undone.
        self.register_buffer("embeddings", torch.zeros(size, embedding_size))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("stored", torch.zeros((), dtype=torch.int64))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A size or a start out of range."""
        for name, least in (("size", 1), ("start", 0)):
            if name in values and values[name] < least:
                yield Problem(f"{name} must be at least {least}, not {values[name]}", name)

    def recall(self) -> Recalled:
        """All places, ``(size, embedding_size)``; none of them is usable before the start."""
        filled = torch.arange(self.size, device=self.labels.device) < self.stored
        return Recalled(self.embeddings.clone(), self.labels.clone(), filled & (self.batches >= self.start))

    @torch.no_grad()
    def store(self, embeddings: Tensor, labels: Tensor) -> None:
        """Overwrite the oldest; of a batch larger than the memory its last rows are kept."""
        rows = embeddings.detach()[-self.size :]
        places = (torch.arange(len(rows), device=rows.device) + self.stored) % self.size
        self.embeddings.index_copy_(0, places, rows.to(self.embeddings.dtype))
        self.labels.index_copy_(0, places, labels[-self.size :])
        self.stored += len(rows)
        self.batches += 1
