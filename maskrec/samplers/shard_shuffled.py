"""Every sample once per epoch, in an order that reads large files one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.problem import Problem, refuse
from maskrec.samplers.batches import EpochBatches, batch_problems, samples_of
from maskrec.samplers.generators import epoch_generator


class ShardShuffled(EpochBatches):
    """Shards in an order drawn from (seed, epoch), and within each ``window`` of them every sample in a drawn order.

    For data in shards (``image_tar``, ``image_packed``) that are larger than memory or remote: at any time ``window``
    shards are being read. The more samples of a person a shard holds, the fewer people occur in a batch; shuffle before
    sharding.

    Args:
        context: the runner's; its data set says which shard holds each sample.
        labels: of the training data; only their number matters.
        seed: the run's.
        batch_size: images per batch, over all processes together.
        window: number of shards that are mixed.
        drop_last: drop the samples that do not fill the last batch (others every epoch). When false, a last batch
            of a single image is an error: batch norm has no statistics of one image.

    Raises:
        ValueError: data without shards, a window or batch size below 1, a batch size above the number of samples, or a
            last batch of one image.
    """

    def __init__(
        self,
        context: Context,
        labels: Sequence[int],
        seed: int,
        batch_size: int,
        window: int = 4,
        drop_last: bool = True,
    ) -> None:
        refuse(_window_problems(window))
        super().__init__(len(labels), seed, batch_size, drop_last)
        if context.shards is None:
            raise ValueError("this data set has no shards; use the sampler shuffled, or image_tar as data")
        self.window = window
        shards = np.asarray(context.shards)
        order = np.argsort(shards, kind="stable")
        self._members = np.split(order, np.flatnonzero(np.diff(shards[order])) + 1)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report numbers out of range, a batch size that the data cannot fill, or one that leaves a single image."""
        yield from _window_problems(values["window"])
        yield from batch_problems(values, samples_of(context))

    def order(self) -> NDArray[np.int64]:
        """All sample indices, a window of shards after the other."""
        draw = epoch_generator(self.seed, self.epoch)
        shards = draw.permutation(len(self._members))
        windows = [shards[first : first + self.window] for first in range(0, len(shards), self.window)]
        return np.concatenate(
            [draw.permutation(np.concatenate([self._members[shard] for shard in window])) for window in windows]
        )


def _window_problems(window: int) -> Iterator[Problem]:
    if window < 1:
        yield Problem(f"window must be at least 1 shard, not {window}", "window")
