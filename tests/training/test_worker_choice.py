"""``train.workers: auto``: how many processes are chosen, what is said of it, and that no number changes by it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from probe_runs import probe, rows
from run_comparison import assert_same_run

from maskrec.base.processors import usable_processors
from maskrec.contracts.sample import Sample
from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import EpochLoader
from maskrec.training.worker_choice import FEWEST, MOST, WorkerChoice, needed_workers, processors_of_this_process

LONG = {"sampler": {"use": "shuffled", "batch_size": 4}}  # six batches of the probes' 24 pictures


@pytest.mark.parametrize(
    ("load", "step", "most", "workers"),
    [
        (0.1, 0.1, None, 2),  # one would be just enough, with nothing to spare
        (0.08, 0.1, None, 1),
        (1.0, 0.1, None, 13),
        (1.0, 0.1, 4, 4),
        (0.001, 0.1, None, 0),
        (0.003, 0.1, None, 1),
        (0.1, 0.0, 2, 2),
    ],
)
def test_as_many_as_load_a_batch_in_the_time_of_a_step(
    load: float, step: float, most: int | None, workers: int
) -> None:
    assert needed_workers(load, step, most) == workers


@given(load=st.floats(1e-6, 1e3), step=st.floats(1e-6, 1e3), most=st.integers(1, 64))
def test_what_is_chosen_is_enough_or_all_that_may_be(load: float, step: float, most: int) -> None:
    chosen = needed_workers(load, step, most)
    assert 0 <= chosen <= most
    assert chosen == most or chosen == 0 or load / chosen <= step
    assert chosen or load <= step / 10
    assert needed_workers(2 * load, step, most) >= chosen
    assert math.isfinite(chosen)


class Numbers:
    """Samples that are one number each."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Sample:
        return Sample(torch.full((3, 2, 2), index, dtype=torch.uint8), index, None, False, str(index))


def chosen(steps: list[float], places: list[list[tuple[int, int]]]) -> tuple[WorkerChoice, list[str], list[int]]:
    """A choice by a clock whose steps take these seconds; what it said, and the labels in order."""
    marks = [sum(steps[:number]) for number in range(len(steps) + 1)]
    said: list[str] = []
    clock: Any = SimpleNamespace(time_when_done=iter(marks).__next__)
    choice = WorkerChoice("auto", clock, said.append)
    with EpochLoader(Numbers(), choice.workers, pin=False) as loader:
        labels = [int(label) for batch in choice.batches(loader, places) for label in batch.labels]
        assert loader.workers == choice.workers
    return choice, said, labels


def test_steps_that_fill_caches_do_not_count() -> None:
    """By the later half a step takes 10 seconds: no process is needed. By all of them many would be."""
    places = [[(number, number)] for number in range(20)]
    choice, said, labels = chosen([1e-9] * (MOST // 2) + [10.0] * (MOST // 2), places)
    assert labels == list(range(20))
    assert choice.workers == 0
    (line,) = said
    assert line.startswith("note: train.workers: auto is 0: one process loads a batch in ")
    assert line.endswith("a step of it takes 10000.0 ms")


def test_what_would_need_more_processors_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "10000")
    assert processors_of_this_process() == 1
    choice, (line,), labels = chosen([1e-9] * MOST, [[(number, number)] for number in range(10)])
    assert choice.workers == 1
    assert labels == list(range(10))
    assert line.endswith("; more than 1 processes would need more processors")


def test_an_epoch_that_is_too_short_is_not_measured() -> None:
    choice, said, labels = chosen([], [[(number, number)] for number in range(FEWEST)])
    number = min(2, usable_processors())
    assert (choice.workers, labels) == (number, [0, 1, 2, 3])
    assert said == [f"note: train.workers: auto is {number}; an epoch of 4 batches is too short to measure"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to processors")
def test_there_are_no_more_processes_than_processors() -> None:
    """In a process of its own that is bound to one of them; the loader of torch would warn there."""
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from maskrec.training.worker_choice import WorkerChoice\n"
        "from maskrec.runtime.loader_processes import known_workers\n"
        "for asked in (3, 1, 0, 'auto'): print(WorkerChoice(asked, None, print).workers, known_workers(asked))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines() == [
        "note: train.workers is 3, but this process may use 1 processor: 1 loader process is started",
        *("1 1", "1 1", "0 0", "1 1"),
    ]


def test_a_run_is_the_same_as_with_a_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = probe(tmp_path, LONG, name="plain")
    capsys.readouterr()
    for has_streams in (False, True):  # True in name only: batches are asked for ahead of the steps
        monkeypatch.setattr(Compute, "has_streams", has_streams)
        run = probe(tmp_path, LONG, "train.workers=auto", "train.epochs=1", name=f"auto{has_streams}")
        assert_same_run(plain, run)
        assert rows(run, "batches.jsonl") == rows(plain, "batches.jsonl")
        assert capsys.readouterr().out.count("train.workers: auto is ") == 1
        assert "workers: auto" in (run / "recipe.yaml").read_text()
