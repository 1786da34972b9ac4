"""What is said while a sampler makes its batches."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from maskrec.base import waiting
from maskrec.runtime.epoch_batches import epoch_batches


class Waits:
    """A sampler that takes its time before its second batch."""

    batch_size = 2

    def __len__(self) -> int:
        return 2

    def set_epoch(self, epoch: int) -> None:
        """Draws nothing."""

    def __iter__(self) -> Iterator[list[int]]:
        yield [0, 1]
        time.sleep(1.5)
        yield [2, 3]


def test_a_sampler_that_is_waited_for_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "AFTER", 0.2)
    assert epoch_batches(Waits(), 0, 4, "sampler: mine") == [[0, 1], [2, 3]]
    said = capsys.readouterr().err
    assert "still waiting, since " in said
    assert "for sampler: mine, which chooses the samples of batch 2 of epoch 1" in said
