"""A message on stderr during a wait that may never end."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from maskrec.base import waiting
from maskrec.base.waiting import Watch
from maskrec.contracts.sample import Sample
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.resumable.worker_pool import Count, Task, run_tasks
from maskrec.preparation.sources.photo_columns import Item
from maskrec.runtime.loading import load
from tests.runtime.test_loading import Faces


class Slow(Faces):
    """Sample 7 takes two seconds, or stops its process for two seconds."""

    def __init__(self, stops: bool) -> None:
        super().__init__()
        self.stops = stops

    def __getitem__(self, index: int) -> Sample:
        if index == 7 and self.stops:
            subprocess.Popen(["sh", "-c", f"sleep 2; kill -CONT {os.getpid()}"])
            time.sleep(0.5)  # the batch before is sent by a thread
            os.kill(os.getpid(), 19)
        elif index == 7:
            time.sleep(2)
        return super().__getitem__(index)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AFTER", 0.5)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_takes_long_is_named(workers: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(list(load(Slow(stops=False), [[(0, 1), (1, 2)], [(2, 7), (3, 4)]], workers, pin=False))) == 2
    said = capfd.readouterr().err
    assert "still waiting, since " in said
    reader = "1 loader process reads" if workers else "this process reads"
    assert f"for batch 2 of 2: {reader} samples 7, 4" in said
    assert "batch 1" not in said


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says which process is stopped")
def test_a_process_that_is_stopped_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(list(load(Slow(stops=True), [[(0, 1)], [(1, 7)]], 1, pin=False))) == 2
    said = capfd.readouterr().err
    assert "for batch 2 of 2: 1 loader process reads samples 7; stopped processes: " in said
    assert "`kill -CONT " in said


def _slowly(task: Task) -> Count:
    time.sleep(2)
    return Count(len(task.items), 0, 0)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_photos_that_take_long_are_named(workers: int, capfd: pytest.CaptureFixture[str]) -> None:
    tasks = [Task(group, [Item(f"Ann/{group}.jpg", "Ann"), Item("z", "Z")], ["a", "z"], False) for group in range(2)]
    run_tasks(_slowly, tasks[: 2 if workers > 1 else 1], workers, Meter())
    said = capfd.readouterr().err
    assert "for a group of 2 photos, Ann/0.jpg to z" in said


def test_words_become_rarer_and_end(capfd: pytest.CaptureFixture[str]) -> None:
    with Watch(lambda: "nothing", after=0.2) as watch:
        watch.begin()
        time.sleep(1.2)
        watch.end()
        said = capfd.readouterr().err.splitlines()
        assert 1 <= len(said) <= 3
        assert all(line.endswith("for nothing") for line in said)
        time.sleep(0.5)
    assert not capfd.readouterr().err
