"""Samplers, each with one fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch.distributed as dist

from maskrec import Component, hookimpl

EVERYTHING = {
    "length",
    "batch_size",
    "global_batches",
    "identities_reached",
    "same_batches_again",
    "epochs_differ",
    "resumes_by_position",
}
FAILS = {
    "shuffled": {"name_of_its_own"},
    "miscounts": EVERYTHING,
    "odd_sizes": {"batch_size"},
    "shares_out": {"global_batches"},
    "misses_last": {"identities_reached"},
    "by_global_numbers": {"global_batches", "same_batches_again", "resumes_by_position"},
    "same_every_epoch": {"epochs_differ"},
    "counts_itself": {"resumes_by_position"},
}


@hookimpl
def maskrec_samplers() -> Iterator[Component]:
    yield Component("shuffled", ":Fine", "has the name of a sampler of maskrec")
    yield Component("miscounts", ":Miscounts", "is one batch shorter than it says")
    yield Component("odd_sizes", ":OddSizes", "yields batches of other sizes")
    yield Component("shares_out", ":SharesOut", "gives each process its part")
    yield Component("misses_last", ":MissesLast", "never yields the last identity")
    yield Component("by_global_numbers", ":ByGlobalNumbers", "draws global random numbers")
    yield Component("same_every_epoch", ":SameEveryEpoch", "takes no notice of the epoch")
    yield Component("counts_itself", ":CountsItself", "counts epochs itself")


class Fine:
    """Every sample once.

    Args:
        labels: of the data.
        seed: of the order.
        batch_size: of a batch.
    """

    def __init__(self, labels: Sequence[int], seed: int, batch_size: int) -> None:
        self.labels, self.seed, self.batch_size, self.epoch = np.asarray(labels), seed, batch_size, 0

    def __len__(self) -> int:
        return len(self.order()) // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def order(self) -> np.ndarray:
        return np.random.default_rng((self.seed, self.epoch)).permutation(len(self.labels))

    def __iter__(self) -> Iterator[list[int]]:
        order = self.order()
        for first in range(0, len(order) - self.batch_size + 1, self.batch_size):
            yield order[first : first + self.batch_size].tolist()


class Miscounts(Fine):
    __doc__ = Fine.__doc__

    def __len__(self) -> int:
        return super().__len__() + 1


class OddSizes(Fine):
    __doc__ = Fine.__doc__

    def __iter__(self) -> Iterator[list[int]]:
        for number, batch in enumerate(super().__iter__()):
            yield batch[number:]


class SharesOut(Fine):
    __doc__ = Fine.__doc__

    def __iter__(self) -> Iterator[list[int]]:
        rank, size = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        for batch in super().__iter__():
            yield batch[rank::size]


class MissesLast(Fine):
    __doc__ = Fine.__doc__

    def order(self) -> np.ndarray:
        order = super().order()
        return order[self.labels[order] < self.labels.max()]


class ByGlobalNumbers(Fine):
    __doc__ = Fine.__doc__

    def order(self) -> np.ndarray:
        return np.random.permutation(len(self.labels))


class SameEveryEpoch(Fine):
    __doc__ = Fine.__doc__

    def set_epoch(self, epoch: int) -> None:
        pass


class CountsItself(Fine):
    __doc__ = Fine.__doc__

    def set_epoch(self, epoch: int) -> None:
        self.epoch += 1
