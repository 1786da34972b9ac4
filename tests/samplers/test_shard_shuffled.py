"""Shards one after another: every sample once, no more than a window of shards at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.context import CheckContext, Context
from maskrec.samplers.shard_shuffled import ShardShuffled


def _sampler(shards: list[int], size: int, window: int, seed: int = 3, drop: bool = True) -> ShardShuffled:
    return ShardShuffled(Context(shards=shards), [0] * len(shards), seed, size, window, drop)


@settings(max_examples=60, deadline=None)
@given(
    shards=st.lists(st.integers(0, 6), min_size=1, max_size=60),
    size=st.integers(1, 12),
    window=st.integers(1, 8),
    epoch=st.integers(0, 3),
)
def test_every_sample_once_and_few_shards_at_a_time(shards: list[int], size: int, window: int, epoch: int) -> None:
    if size > len(shards):
        return
    sampler = _sampler(shards, size, window)
    sampler.set_epoch(epoch)
    flat = [index for batch in sampler for index in batch]
    assert len(flat) == len(set(flat)) == len(sampler) * size == len(shards) // size * size
    assert all(type(index) is int for index in flat)
    first, last = {}, {}
    for place, index in enumerate(flat):
        first.setdefault(shards[index], place)
        last[shards[index]] = place
    for place in range(len(flat)):
        assert sum(first[shard] <= place <= last[shard] for shard in first) <= window


def test_the_order_is_of_seed_and_epoch() -> None:
    shards = np.repeat(np.arange(10), 8).tolist()
    sampler = _sampler(shards, 8, 2)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert list(sampler) == epochs[-1]
    assert len({str(batches) for batches in epochs}) == 3
    again = _sampler(shards, 8, 2)
    again.set_epoch(2)
    assert list(again) == epochs[2]
    assert list(_sampler(shards, 8, 2, seed=4)) != epochs[0]
    mixed = {shards[index] for index in epochs[0][0]}
    assert len(mixed) == 2  # not one shard after another, but two at a time


def test_the_last_batch_is_kept_when_asked() -> None:
    sampler = _sampler([0] * 5 + [1] * 5, 4, 1, drop=False)
    assert [len(batch) for batch in sampler] == [4, 4, 2]
    assert len(sampler) == 3


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"batch_size": 0, "window": 1, "drop_last": True}, "batch_size"),
        ({"batch_size": 11, "window": 1, "drop_last": True}, "batch_size"),
        ({"batch_size": 3, "window": 1, "drop_last": False}, "drop_last"),
        ({"batch_size": 3, "window": 0, "drop_last": True}, "window"),
    ],
)
def test_impossible_values_are_reported(values: dict[str, int], path: str) -> None:
    (problem,) = ShardShuffled.check(values, CheckContext({"labels": [0] * 10}))
    assert problem.path == path
    with pytest.raises(ValueError, match=r"batch|window"):
        ShardShuffled(Context(shards=[0] * 10), [0] * 10, 0, **values)  # type: ignore[arg-type]


def test_data_without_shards() -> None:
    with pytest.raises(ValueError, match="has no shards"):
        ShardShuffled(Context(), [0] * 10, 0, 2)
