"""The two processes that checks compute in."""

from __future__ import annotations

import os
import time

import pytest
import torch

from maskrec.contracts.collectives import all_reduce_sum, rank, world_size
from maskrec.testing.process_pair import PairError, process_pair


def summed(number: int) -> tuple[int, int, int, int]:
    print("no answer")
    total = all_reduce_sum(torch.tensor(number * (rank() + 1)))
    return rank(), world_size(), int(total), os.getpid()


def fails_in_the_second() -> int:
    if rank() == 1:
        raise KeyError("somewhere")
    return int(all_reduce_sum(torch.tensor(1)))


def ends_in_the_second() -> int:
    if rank() == 1:
        os._exit(3)
    return int(all_reduce_sum(torch.tensor(1)))


def never_returns() -> None:
    time.sleep(600)


def test_both_join_a_group_and_the_next_call_has_new_ones() -> None:
    first, second = process_pair().call(summed, 7)
    assert first[:3] == (0, 2, 21)
    assert second[:3] == (1, 2, 21)
    again = process_pair().call(summed, 1)
    assert len({os.getpid(), first[3], second[3], *(each[3] for each in again)}) == 5


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (fails_in_the_second, r"in process 1 of 2: KeyError: 'somewhere'"),
        (ends_in_the_second, r"in process 1 of 2: it ended without an answer"),
    ],
)
def test_a_failure_is_one_sentence_and_the_pair_goes_on(function, sentence) -> None:
    with pytest.raises(PairError, match=sentence):
        process_pair().call(function)
    assert process_pair().call(summed, 2)[0][2] == 6


def test_one_that_hangs_is_ended() -> None:
    with pytest.raises(PairError, match=r"in process 0 of 2: it took longer than 0\.3 seconds"):
        process_pair().call(never_returns, seconds=0.3)
    assert process_pair().call(summed, 2)[0][2] == 6
