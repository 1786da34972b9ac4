"""torchrun starts all workers again after one of them was killed: the run goes on as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from run_comparison import differences, rows_without_times
from small_recipe import PIECES, write_recipe

from maskrec.runtime.state_tree import load_tree

KILLS = 10
CHANGES: dict[str, Any] = {
    "backbone": {"use": "normed"},
    "data": {"use": "synthetic_faces", "identities": 8, "images_per_identity": 8},
    "loss": {"use": "slow", "seconds": 0.05},
    "train": {"epochs": 6, "workers": 0, "checkpoint_every": 2, "ema": 0.9},
}


def begin(folder: Path, name: str, restarts: int) -> subprocess.Popen[str]:
    """Four workers of one thread each, in a process group of their own."""
    recipe = write_recipe(folder, CHANGES)
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4"]
    words += [f"--max-restarts={restarts}", "-m", "maskrec", "run", recipe, "--plugin", PIECES]
    return subprocess.Popen(
        [*map(str, words), "--run-dir", str(folder / name)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=(folder / f"{name}.err").open("w"),
        text=True,
        start_new_session=True,
    )


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The processes that train, which torchrun has started."""
    found = []
    for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
        for child in map(int, children.read_text(encoding="ascii").split()):
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            except FileNotFoundError:
                continue
            found += [child] if b"maskrec" in words else []
    return found


def checkpoint_time(run: Path) -> int:
    path = run / "checkpoints" / "last.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


def kill_one_after_a_checkpoint(process: subprocess.Popen[str], run: Path, draw: random.Random) -> bool:
    """Wait for a checkpoint by the present workers, and kill one of them a little later; False where the run ended."""
    before = checkpoint_time(run)
    while checkpoint_time(run) == before:
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    time.sleep(draw.random() * 0.3)
    alive = workers(process)
    if len(alive) < 4:  # the run is over, or its workers are being started
        return process.poll() is None and not (run / "result.json").exists()
    os.kill(draw.choice(alive), signal.SIGKILL)
    return True


def state_of(run: Path) -> dict[str, Any]:
    """The last checkpoint without what names the run or holds times."""
    state: dict[str, Any] = load_tree(run / "checkpoints" / "last.safetensors")
    for name in ("run_id", "metrics_bytes"):
        state.pop(name)
    return state


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for workers in /proc")
def test_ten_killed_workers_change_nothing(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"workers and moments drawn from seed {seed}")
    draw = random.Random(seed)
    whole = begin(tmp_path, "whole", 0)
    assert whole.wait() == 0, (tmp_path / "whole.err").read_text()
    kills = number = 0
    while kills < KILLS:
        number += 1
        name = f"killed{number}"
        process, here = begin(tmp_path, name, KILLS), 0
        while kills < KILLS and kill_one_after_a_checkpoint(process, tmp_path / name, draw):
            kills, here = kills + 1, here + 1
        assert process.wait() == 0, (tmp_path / f"{name}.err").read_text()
        assert here > 0
        assert differences(state_of(tmp_path / "whole"), state_of(tmp_path / name)) == []
        assert rows_without_times(tmp_path / "whole") == rows_without_times(tmp_path / name)
