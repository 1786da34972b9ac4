"""kill -9 at any moment, and the same command continues: weights, optimizer and metrics as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_comparison import assert_same_run
from small_recipe import PIECES, write_recipe
from warm_python import Program

ROOT = Path(__file__).parents[2]
STEPS_AN_EPOCH = 8
ROWS_AN_EPOCH = 4  # at least: every third step, the fourth for its checkpoint, and the last
KILLED: dict[str, Any] = {
    "backbone": {"use": "plain", "dropout": 0.3, "ballast": 2_000_000},
    "data": {"use": "synthetic_faces", "identities": 8, "images_per_identity": 8},
    "sampler": {"use": "shuffled", "batch_size": 8},
    "loss": {"use": "slow", "seconds": 0.05},
    "evaluate": {
        "held_out": {
            "use": "meter",
            "pause": 0.8,
            "pairs": {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 20},
        }
    },
}


def command(folder: Path, name: str, workers: int) -> list[str]:
    train = {"epochs": 3, "workers": workers, "checkpoint_every": 4, "channels_last": True, "ema": 0.9, "log_every": 3}
    recipe = write_recipe(folder, {**KILLED, "train": train})
    return [
        *("-m", "maskrec", "run", str(recipe)),
        *("--plugin", str(PIECES), "--run-dir", str(folder / name)),
    ]


def begin(words: list[str]) -> Program:
    return Program(words, ROOT)


def end(program: Program) -> None:
    out, err = program.communicate()
    assert program.wait() == 0, out + err


def kill_when(words: list[str], run: Path, moment: Callable[[Path], bool]) -> None:
    """Start, and kill as soon as the moment has come.

    The loop ends by the process's own end at the latest; a run that finished without the moment is a failure.
    """
    process = begin(words)
    while process.poll() is None and not moment(run):
        time.sleep(0.001)
    killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert killed, "the run was over before the moment came"


def writing_a_checkpoint(run: Path) -> bool:
    return (
        any((run / "checkpoints").glob(".last.safetensors.*.part"))
        and (run / "checkpoints" / "last.safetensors").exists()
    )


def evaluating(run: Path) -> bool:
    """All steps of the second epoch are recorded and its evaluation is not."""
    path = run / "metrics.jsonl"
    rows = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    if len(rows) < 2 * ROWS_AN_EPOCH + 2 or f'"step": {2 * STEPS_AN_EPOCH},'.encode() not in rows[-1]:
        return False
    time.sleep(0.2)  # well inside the evaluation's own pause
    return b'"kind": "step"' in rows[-1]


def test_a_run_killed_in_a_checkpoint_write_and_in_an_evaluation_continues(tmp_path: Path) -> None:
    end(begin(command(tmp_path, "whole", workers=0)))
    words = command(tmp_path, "killed", workers=0)
    kill_when(words, tmp_path / "killed", writing_a_checkpoint)
    kill_when(words, tmp_path / "killed", evaluating)
    end(begin(words))
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_ten_kills_at_random_moments(tmp_path: Path, workers: int) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"moments drawn from seed {seed}")
    began = time.monotonic()
    end(begin(command(tmp_path, "whole", workers)))
    wall = time.monotonic() - began
    draw, kills, number = random.Random(seed), 0, 0
    while kills < 10 or number == 0:
        number += 1
        words = command(tmp_path, f"killed{number}", workers)
        if kills == 0:
            kill_when(words, tmp_path / f"killed{number}", writing_a_checkpoint)
            kill_when(words, tmp_path / f"killed{number}", evaluating)
            kills = 2
        finished = False
        while kills < 10 and not finished:
            process = begin(words)
            moment = draw.uniform(0, wall)
            try:
                process.wait(timeout=moment)
                finished = True
                print(f"finished within {moment:.2f} s")
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                print(f"kill {kills} after {moment:.2f} s of {wall:.2f} s")
        end(begin(words))
        assert_same_run(tmp_path / "whole", tmp_path / f"killed{number}")
