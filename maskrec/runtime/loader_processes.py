"""Loader processes: what they are given to do, and what is said when one of them is killed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from maskrec.base.errors import MaskrecError
from maskrec.base.processors import usable_processors
from maskrec.base.system_limits import limits_named
from maskrec.base.waiting import Watch
from maskrec.base.words import counted
from maskrec.recipe.plan import Workers
from maskrec.runtime.buffers import SharedBatches


def known_workers(workers: Workers) -> int:
    """The number of loader processes where nothing is measured: with ``auto`` two; never more than processors."""
    return min(2 if isinstance(workers, str) else workers, usable_processors())


@dataclass(slots=True)
class HandedBatches:
    """Batches of places as passed to loader processes, each with a slot that is free by then, or None.

    Args:
        places: of the epoch that is loaded; replaced for the next one.
        slots: memory for images, or None.
    """

    places: Sequence[Sequence[tuple[int, int]]]
    slots: SharedBatches | None

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[tuple[int | None, NDArray[np.int64]]]:
        for batch in self.places:
            yield (self.slots.take() if self.slots is not None else None), np.array(batch, dtype=np.int64)


def iterate(loader: DataLoader[Any]) -> Iterator[Any]:
    """What the loader gives, in order.

    Raises:
        MaskrecError: one of its processes was killed, or cannot be started.
    """
    with limits_named("train.workers=0", loader.num_workers), _deaths_explained(), _own_child_signals():
        items = iter(loader)
    number = 0
    with Watch(lambda: _waited_for(loader, number)) as watch:
        while True:
            watch.begin()
            with _deaths_explained():
                item = next(items, _END)
            watch.end()
            if item is _END:
                return
            number += 1
            yield item
            del item  # otherwise its memory would stay in use for one more batch


def _waited_for(loader: DataLoader[Any], number: int) -> str:
    batches = loader.batch_sampler.places  # type: ignore[union-attr]
    if number >= len(batches):
        return "the loader's end"
    samples = [str(index) for _, index in batches[number][:_NAMED]]
    more = ", ..." if len(batches[number]) > _NAMED else ""
    reading = _reading(loader.num_workers, number == 0)
    return f"batch {number + 1} of {len(batches)}: {reading} {', '.join(samples)}{more}"


def _reading(processes: int, first: bool) -> str:
    """What is done meanwhile."""
    if not processes:
        return "this process reads samples"
    one = processes == 1
    verb = ("reads" if one else "read") if not first else ("starts and reads" if one else "start and read")
    return f"{counted(processes, 'loader process')} {verb} samples"


_END = object()
_NAMED = 4  # samples of a batch


@contextlib.contextmanager
def _own_child_signals() -> Iterator[None]:
    """Undo torch's handler for the end of a child process, which raises wherever the program happens to be.

    Without it a process that was killed is noticed where its batch is waited for, within five seconds.
    """
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, before)


@contextlib.contextmanager
def _deaths_explained() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, EOFError, ConnectionError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise MaskrecError(
            "a loader process was killed (out of memory is the usual cause); use a smaller train.workers or smaller "
            "batches, and run the same command again"
        ) from error
