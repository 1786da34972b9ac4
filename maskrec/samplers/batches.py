"""The common part of samplers that use every sample once per epoch: batches cut from an order of all samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse


class EpochBatches(ABC):
    """Global batches of an order that subclasses draw for each epoch.

    Args:
        samples: number of samples.
        seed: the run's.
        batch_size: images per batch, over all processes together.
        drop_last: drop the samples that do not fill the last batch.

    Raises:
        ValueError: numbers that contradict each other; see ``batch_problems``.
    """

    def __init__(self, samples: int, seed: int, batch_size: int, drop_last: bool) -> None:
        refuse(batch_problems({"batch_size": batch_size, "drop_last": drop_last}, samples))
        self.samples, self.seed, self.batch_size, self.drop_last = samples, seed, batch_size, drop_last
        self.epoch = 0

    @abstractmethod
    def order(self) -> NDArray[np.int64]:
        """All sample indices, ``(samples,)``, as drawn from (seed, epoch)."""

    def __len__(self) -> int:
        """Batches per epoch."""
        return self.samples // self.batch_size if self.drop_last else -(-self.samples // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        """Global batches of sample indices."""
        order = self.order()
        for batch in range(len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist()


def batch_problems(values: Mapping[str, Any], samples: int | None) -> Iterator[Problem]:
    """Report a batch size that the data cannot fill or that leaves one image; ``samples`` is None where unknown."""
    size, drop_last = values["batch_size"], values["drop_last"]
    if size < 1:
        yield Problem(f"batch_size must be at least 1, not {size}", "batch_size")
    elif samples is not None and size > samples:
        yield Problem(f"batch_size {size} is more than the {samples} training images", "batch_size")
    elif samples is not None and not drop_last and size > 1 and samples % size == 1:
        yield Problem(
            f"{samples} images in batches of {size} leave a last batch of one, which batch norm cannot process",
            "drop_last",
            "set drop_last: true or another batch_size",
        )


def samples_of(context: CheckContext) -> int | None:
    """How many samples the training data has; None where it is not known yet."""
    labels = context.givens.get("labels")
    return None if labels is None else len(labels)
