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


def test_both_join_a_group_and_answer_the_next_call_too() -> None:
    first, second = process_pair().call(summed, 7)
    assert first[:3] == (0, 2, 21)
    assert second[:3] == (1, 2, 21)
    assert len({os.getpid(), first[3], second[3]}) == 3
    assert process_pair().call(summed, 1) == [(0, 2, 3, first[3]), (1, 2, 3, second[3])]


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (fails_in_the_second, r"in process 1 of 2: KeyError: 'somewhere'"),
        (ends_in_the_second, r"in process 1 of 2: it ended without an answer"),
        (never_returns, r"in process 0: no answer in 0\.3 seconds"),
    ],
)
def test_a_failure_is_one_sentence_and_the_next_call_has_new_processes(function, sentence) -> None:
    before = [each[3] for each in process_pair().call(summed, 1)]
    with pytest.raises(PairError, match=sentence):
        process_pair().call(function, seconds=0.3 if function is never_returns else 60.0)
    after = process_pair().call(summed, 2)
    assert [each[2] for each in after] == [6, 6]
    assert not {each[3] for each in after} & set(before)
