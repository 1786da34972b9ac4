"""A sampler's global batches of an epoch, held to its contract, and this process's part of them."""

from __future__ import annotations

import hashlib
import operator
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np

from maskrec.base.errors import PluginError
from maskrec.base.waiting import Watch
from maskrec.contracts.call_into import call_into
from maskrec.contracts.collectives import shard_bounds
from maskrec.contracts.kinds import Sampler

Batches = list[list[int]]
Place = tuple[int, int]  # position in the global epoch, index in the data set
_T = TypeVar("_T")


def epoch_batches(
    sampler: Sampler, epoch: int, samples: int | None = None, who: str = "the sampler", again: bool = False
) -> Batches:
    """The global batches of an epoch.

    Args:
        sampler: asked for all of them at once.
        epoch: from 0.
        samples: how many samples the data set has; None where that is not known.
        who: names the sampler in messages.
        again: whether it has been asked for them before.

    Raises:
        PluginError: the sampler raises, yields more or fewer batches than its length, an empty one, something other
            than a list of integers, or an index that no sample has.
    """
    with call_into(who, "failed in set_epoch", sampler):
        sampler.set_epoch(epoch)
    with call_into(who, "failed in __iter__", sampler):
        length = len(sampler)
        batches = _yielded(sampler, length + 1, epoch, who)
    if len(batches) != length:
        found = f"more than {length}" if len(batches) > length else str(len(batches))
        when = " when it is asked a second time" if again else ""
        hint = "; __iter__ must begin anew at every call" if again else ""
        raise PluginError(f"{who} yields {found} batches in epoch {epoch + 1}{when}, and its length is {length}{hint}")
    for number, batch in enumerate(batches, start=1):
        if not batch:
            raise PluginError(f"{who} yields an empty batch, number {number} of epoch {epoch + 1}")
    if samples is not None and batches:
        indices = np.fromiter(chain.from_iterable(batches), np.int64)
        wrong = indices[(indices < 0) | (indices >= samples)]
        if len(wrong):
            raise PluginError(f"{who} yields the index {wrong[0]}, and the data set has {samples} samples, from 0")
    return batches


def _yielded(sampler: Sampler, most: int, epoch: int, who: str) -> Batches:
    """The first ``most`` batches that the sampler yields; says what is waited for where one takes long."""
    batches: Batches = []
    with Watch(lambda: f"{who}, which chooses the samples of batch {len(batches) + 1} of epoch {epoch + 1}") as watch:
        watch.begin()
        for batch in islice(iter(sampler), most):
            batches.append(_indices(batch, len(batches) + 1, epoch, who))
            watch.begin()
    return batches


def _indices(batch: Any, number: int, epoch: int, who: str) -> list[int]:
    """A batch as a list of numbers; numpy's integers and integer tensors' elements are as good as int."""
    found = batch
    if isinstance(batch, Iterable) and not isinstance(batch, (str, bytes)):
        items = list(batch)
        try:
            return list(map(operator.index, items))
        except TypeError:
            found = next(item for item in items if not _is_index(item))
    what = "as" if found is batch else "in"
    raise PluginError(
        f"{who} yields {reprlib.repr(found)} {what} batch {number} of epoch {epoch + 1}; each batch must be a list of "
        "integer indices"
    )


def _is_index(item: Any) -> bool:
    try:
        operator.index(item)
    except TypeError:
        return False
    return True


def shard_places(batches: Batches) -> list[list[Place]]:
    """This process's part of each global batch of an epoch.

    Positions count through the global epoch, so that what is drawn for a sample does not depend on how many
    processes share the batch.
    """
    places, position = [], 0
    for batch in batches:
        first, last = shard_bounds(len(batch))
        places.append([(position + offset, batch[offset]) for offset in range(first, last)])
        position += len(batch)
    return places


def epoch_places(sampler: Sampler, epoch: int) -> list[list[Place]]:
    """This process's part of each global batch of an epoch, as `epoch_batches` and `shard_places` give it."""
    return shard_places(epoch_batches(sampler, epoch))


def batches_digest(batches: Sequence[Sequence[int]]) -> str:
    """A hash of the batches: equal for equal batches, on every process."""
    digest = hashlib.sha256(np.array([len(batch) for batch in batches], np.int64).tobytes())
    digest.update(np.fromiter(chain.from_iterable(batches), np.int64).tobytes())
    return digest.hexdigest()


def grouped(batches: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Batches in groups of ``size``; the last group may be smaller."""
    remaining = iter(batches)
    while group := list(islice(remaining, size)):
        yield group
