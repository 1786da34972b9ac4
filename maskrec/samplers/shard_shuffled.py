"""Every sample once an epoch, in an order that reads large files one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.problem import Problem, refuse
from maskrec.samplers.generators import epoch_generator


class ShardShuffled:
    """Shards in an order drawn from (seed, epoch), and within each ``window`` of them every sample in a drawn order.

    For data in shards (``image_tar``, ``image_packed``) that are larger than memory or far away: at any time ``window``
    shards are read from. Fewer people meet in a batch the more a shard holds of each; shuffle before sharding.

    Args:
        context: the runner's; its data set says which shard a sample lies in.
        labels: of the training data; only their number matters.
        seed: the run's.
        batch_size: images a batch, over all processes together.
        window: how many shards are mixed.
        drop_last: leave out the samples that do not fill the last batch (others every epoch). When false, a last
            batch of a single image is refused: batch norm has no statistics of one.

    Raises:
        ValueError: data without shards, a window or batch size below 1, more than there are samples, or a last batch of
            one image.
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
        refuse(_problems({"batch_size": batch_size, "drop_last": drop_last, "window": window}, len(labels)))
        if context.shards is None:
            raise ValueError("this data set does not lie in shards; use the sampler shuffled, or image_tar as data")
        self.seed, self.batch_size, self.window, self.drop_last = seed, batch_size, window, drop_last
        shards = np.asarray(context.shards)
        order = np.argsort(shards, kind="stable")
        self._members = np.split(order, np.flatnonzero(np.diff(shards[order])) + 1)
        self.samples, self.epoch = len(labels), 0

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Numbers out of range, a batch size that the data cannot fill, or one that leaves one image over."""
        labels = context.givens.get("labels")
        yield from _problems(values, None if labels is None else len(labels))

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.samples // self.batch_size if self.drop_last else -(-self.samples // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next iteration."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        """Global batches of sample indices."""
        order = self._order()
        for batch in range(len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist()

    def _order(self) -> NDArray[np.int64]:
        draw = epoch_generator(self.seed, self.epoch)
        shards = draw.permutation(len(self._members))
        windows = [shards[first : first + self.window] for first in range(0, len(shards), self.window)]
        return np.concatenate(
            [draw.permutation(np.concatenate([self._members[shard] for shard in window])) for window in windows]
        )


def _problems(values: Mapping[str, Any], samples: int | None) -> Iterator[Problem]:
    size, drop_last = values["batch_size"], values["drop_last"]
    if values["window"] < 1:
        yield Problem(f"window must be at least 1 shard, not {values['window']}", "window")
    if size < 1:
        yield Problem(f"batch_size must be at least 1, not {size}", "batch_size")
    elif samples is not None and size > samples:
        yield Problem(f"batch_size {size} is more than the {samples} training images", "batch_size")
    elif samples is not None and not drop_last and size > 1 and samples % size == 1:
        yield Problem(
            f"{samples} images in batches of {size} leave a last batch of one, which batch norm cannot take",
            "drop_last",
            "set drop_last: true or another batch_size",
        )
