"""Every sample once an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.samplers.generators import epoch_generator


class Shuffled:
    """Every sample at most once an epoch, in an order drawn from (seed, epoch).

    Args:
        labels: of the training data; only their number matters.
        seed: the run's.
        batch_size: images a batch, over all processes together.
        drop_last: leave out the samples that do not fill the last batch (others every epoch). When false, a last
            batch of a single image is refused: batch norm has no statistics of one.

    Raises:
        ValueError: a batch size below 1 or above the number of samples, or a last batch of one image.
    """

    def __init__(self, labels: Sequence[int], seed: int, batch_size: int, drop_last: bool = True) -> None:
        refuse(_problems({"batch_size": batch_size, "drop_last": drop_last}, len(labels)))
        self.samples, self.seed, self.batch_size, self.drop_last = len(labels), seed, batch_size, drop_last
        self.epoch = 0

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A batch size that the data cannot fill, or that leaves one image over."""
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
        order = epoch_generator(self.seed, self.epoch).permutation(self.samples)
        for batch in range(len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist()


def _problems(values: Mapping[str, Any], samples: int | None) -> Iterator[Problem]:
    size, drop_last = values["batch_size"], values["drop_last"]
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
