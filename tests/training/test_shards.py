"""Training from remote shards: the same run with any workers, and after a kill within an epoch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from face_sets import write_face_set, write_tar_set
from run_comparison import assert_same_run
from small_recipe import PIECES, write_recipe
from warm_python import Program

Train = Callable[..., Path]


@pytest.fixture
def streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Changes that make the small recipe read eight shards by their address, two at a time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_tar_set(write_face_set(tmp_path / "faces", people=6, each=20), tmp_path / "tars", 8)
    return {
        "data": {"use": "image_tar", "url": f"file://{tmp_path}/tars/faces-{{000000..000007}}.tar"},
        "sampler": {"use": "shard_shuffled", "batch_size": 16, "window": 2},
        "evaluate": None,
    }


def test_workers_and_more_epochs_change_nothing(train: Train, go_on: Train, streamed: dict[str, Any]) -> None:
    whole = train("whole", streamed, "train.epochs=3")
    assert_same_run(whole, train("workers", streamed, "train.epochs=3", "train.workers=2"))
    parts = train("parts", streamed, "train.epochs=1")
    go_on(parts, epochs=3)
    assert_same_run(whole, parts)


def test_killed_within_an_epoch_it_continues_the_same(
    train: Train, go_on: Train, streamed: dict[str, Any], tmp_path: Path
) -> None:
    changes = {**streamed, "loss": {"use": "slow", "seconds": 0.05}}
    whole = train("whole", changes, "train.epochs=3")
    recipe = write_recipe(tmp_path, {**changes, "train": {"epochs": 3, "workers": 1, "checkpoint_every": 2}})
    run = tmp_path / "killed"
    words = ["-m", "maskrec", "run", recipe, "--plugin", PIECES, "--run-dir", run]
    process = Program(words)
    metrics = run / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and metrics.read_bytes().count(b"\n") >= 11):
        time.sleep(0.001)  # well into the second epoch of seven steps
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    assert process.wait() == -signal.SIGKILL, out + err
    go_on(run)
    assert_same_run(whole, run)
