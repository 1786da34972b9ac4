"""A sampler that keeps a state of its own: over epochs, and when a run is resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from probe_runs import PROBES, probe, rows

from maskrec.base.errors import MaskrecError
from maskrec.plugin.host import discover
from maskrec.training.runner import resume

# 24 pictures in steps of eight; each time round begins one picture later
TURNING: dict[str, Any] = {"sampler": {"use": "turning", "batch_size": 8}}


def firsts(run: Path) -> list[int]:
    """The first picture of every batch that was trained on, in order."""
    return [row["indices"][0] for row in rows(run, "batches.jsonl")]


def test_it_goes_on_from_epoch_to_epoch(tmp_path: Path) -> None:
    run = probe(tmp_path, TURNING, "train.epochs=3")
    assert firsts(run) == [0, 8, 16, 1, 9, 17, 2, 10, 18]
    assert [row["epoch"] for row in rows(run, "batches.jsonl")] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_run_killed_within_an_epoch_goes_through_the_rest_of_it_and_on(tmp_path: Path) -> None:
    """Its checkpoint is that of the fourth step, and the fifth is lost."""
    halt = {"use": "halt", "at": "on_step", "after": 5, "failed": True}
    with pytest.raises(MaskrecError, match="is enough"):
        probe(tmp_path, {**TURNING, "observe": {"halt": halt}}, "train.epochs=3", "train.checkpoint_every=4")
    run = tmp_path / "run"
    assert firsts(run) == [0, 8, 16, 1, 9]
    (run / "batches.jsonl").unlink()
    with pytest.raises(MaskrecError, match="is enough"):  # the observer counts from 0 again, to five steps
        resume(run, discover([PROBES]), {})
    assert firsts(run) == [9, 17, 2, 10, 18]


def test_a_run_that_goes_on_after_an_epoch_goes_on_from_its_samplers_state(tmp_path: Path) -> None:
    run = probe(tmp_path, TURNING, "train.epochs=1")
    resume(run, discover([PROBES]), {"epochs": 3})
    assert firsts(run) == [0, 8, 16, 1, 9, 17, 2, 10, 18]
