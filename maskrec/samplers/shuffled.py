"""Every sample once per epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.samplers.batches import EpochBatches, batch_problems, samples_of
from maskrec.samplers.generators import epoch_generator


class Shuffled(EpochBatches):
    """Every sample at most once per epoch, in an order drawn from (seed, epoch).

    Args:
        labels: of the training data; only their number matters.
        seed: the run's.
        batch_size: images per batch, over all processes together.
        drop_last: drop the samples that do not fill the last batch (others every epoch). When false, a last batch
            of a single image is an error: batch norm has no statistics of one image.

    Raises:
        ValueError: a batch size below 1 or above the number of samples, or a last batch of one image.
    """

    def __init__(self, labels: Sequence[int], seed: int, batch_size: int, drop_last: bool = True) -> None:
        super().__init__(len(labels), seed, batch_size, drop_last)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report a batch size that the data cannot fill, or that leaves a single image."""
        yield from batch_problems(values, samples_of(context))

    def order(self) -> NDArray[np.int64]:
        """All sample indices, shuffled."""
        return epoch_generator(self.seed, self.epoch).permutation(self.samples)
