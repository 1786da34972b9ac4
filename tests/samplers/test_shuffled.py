"""Every sample once, the same batches for the same seed, no batch of one."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.context import CheckContext
from maskrec.samplers.shuffled import Shuffled

FEW = settings(max_examples=40, deadline=None)


@FEW
@given(samples=st.integers(1, 60), size=st.integers(1, 20), seed=st.integers(0, 2**70), drop=st.booleans())
def test_every_sample_at_most_once_in_full_batches(samples: int, size: int, seed: int, drop: bool) -> None:
    if size > samples or (not drop and size > 1 and samples % size == 1):
        with pytest.raises(ValueError, match="batch_size"):
            Shuffled([0] * samples, seed, size, drop)
        return
    sampler = Shuffled([0] * samples, seed, size, drop)
    batches = list(sampler)
    flat = [index for batch in batches for index in batch]
    assert len(batches) == len(sampler)
    assert len(set(flat)) == len(flat)
    assert set(flat) <= set(range(samples))
    assert all(type(index) is int for index in flat)
    assert all(len(batch) == size for batch in batches[: -1 if not drop else None])
    assert len(flat) == (samples // size * size if drop else samples)
    assert sampler.batch_size == size


def test_same_seed_and_epoch_same_batches_whatever_ran_before() -> None:
    first, second = Shuffled([0] * 50, 7, 8), Shuffled([0] * 50, 7, 8)
    epochs = []
    for epoch in range(4):
        first.set_epoch(epoch)
        epochs.append(list(first))
        assert list(first) == epochs[-1]
    second.set_epoch(3)
    assert list(second) == epochs[3]
    assert len({str(batches) for batches in epochs}) == 4
    assert list(Shuffled([0] * 50, 8, 8)) != epochs[0]
    left_out = [set(range(50)) - {i for batch in batches for i in batch} for batches in epochs]
    assert left_out[0] != left_out[1]


def test_draws_nothing_from_global_generators() -> None:
    torch.manual_seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    list(Shuffled([0] * 50, 7, 8))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]


@pytest.mark.parametrize(
    ("size", "drop", "path"), [(0, True, "batch_size"), (11, True, "batch_size"), (3, False, "drop_last")]
)
def test_check_reports_what_the_data_cannot_fill(size: int, drop: bool, path: str) -> None:
    values = {"batch_size": size, "drop_last": drop}
    (problem,) = Shuffled.check(values, CheckContext({"labels": [0] * 10}))
    assert problem.path == path
    with pytest.raises(ValueError, match="batch") as error:
        Shuffled([0] * 10, 0, size, drop)
    assert str(error.value).startswith(problem.message)


def test_check_without_data_looks_at_the_values_alone() -> None:
    assert not list(Shuffled.check({"batch_size": 99, "drop_last": True}, CheckContext()))
    assert list(Shuffled.check({"batch_size": 0, "drop_last": True}, CheckContext()))
