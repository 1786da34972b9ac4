"""Batches that are copied to the device and transformed while it still computes the step before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor

from maskrec.contracts.sample import Batch
from maskrec.runtime.loading import LoadedBatch

Item = TypeVar("Item")
Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """What a training step is made of.

    Args:
        loaded: on the device where batches are transformed.
        batch: the same faces after every transform.
    """

    loaded: LoadedBatch
    batch: Batch


def prepared_ahead(
    given: Iterable[Given], prepare: Callable[[Given], PreparedBatch], ahead: int, device: torch.device
) -> Iterator[PreparedBatch]:
    """What ``prepare`` makes of each, in order; ``ahead`` of them are begun before the one that is handed out is used.

    Those are copied and transformed on a stream of their own, on which nothing waits for the steps of the network.
    The network's stream waits for each batch alone. On a CPU, which has no streams, the order of work is the same.

    Args:
        given: what batches are made of.
        prepare: makes one; it depends on nothing that a step changes.
        ahead: 0 prepares each batch when it is asked for, on the network's stream.
        device: of the network.
    """
    if not ahead:
        yield from map(prepare, given)
        return
    streams = torch.get_device_module(device)
    side = streams.Stream()
    # What transforms keep on the device may have been written by the network's stream, in an evaluation.
    side.wait_stream(streams.current_stream())

    def on_side(each: Given) -> tuple[PreparedBatch, Any]:
        with streams.stream(side):
            return prepare(each), side.record_event()

    for prepared, done in asked_ahead(map(on_side, given), ahead):
        network = streams.current_stream()
        network.wait_event(done)
        for tensor in _tensors_of(prepared):
            if tensor.device.type == "cuda":
                # Memory of the side stream, which must not be given away while the network's stream reads it.
                tensor.record_stream(network)
        yield prepared
        del prepared  # otherwise it would stay in memory until the batch after the next is there


def asked_ahead(items: Iterable[Item], ahead: int) -> Iterator[Item]:
    """The items in order; each is asked for while ``ahead`` of those before it are not handed out yet.

    What asking raises is raised in its turn, after the items before it.
    """
    source, waiting = iter(items), deque[Item]()
    failure: Exception | None = None
    ended = False
    while True:
        while not ended and len(waiting) <= ahead:
            try:
                waiting.append(next(source))
            except StopIteration:
                ended = True
            except Exception as error:
                ended, failure = True, error
        if not waiting:
            break
        yield waiting.popleft()
    if failure is not None:
        raise failure


def _tensors_of(prepared: PreparedBatch) -> Iterator[Tensor]:
    """Of a prepared batch, on whatever device they are."""
    for part in (prepared.loaded, prepared.batch):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Tensor):
                yield value
