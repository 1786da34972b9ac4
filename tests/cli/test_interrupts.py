"""Ctrl-C and SIGTERM at any moment: one sentence, the right exit code, and nothing is lost."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_comparison import assert_same_run
from small_recipe import PIECES, write_recipe
from warm_python import Program, run_python

from maskrec.base import interrupts
from maskrec.runtime.state_tree import load_tree

ROOT = Path(__file__).parents[2]
# A process that a script starts in the background ignores interrupts by inheritance.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from maskrec.cli import main; main()"


def begin(folder: Path, *words: object, path: Path = ROOT) -> subprocess.Popen[str]:
    search = os.pathsep.join([str(path), str(ROOT)])
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_during_the_imports_is_one_sentence(times: int, tmp_path: Path) -> None:
    """An interrupted import leaves an incomplete module, whose users then raise AttributeError."""
    (tmp_path / "typer.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    signal.sigtimedwait((), 5)\n"
        f"except KeyboardInterrupt:\n    {'os.kill(os.getpid(), signal.SIGINT)' if times == 2 else 'pass'}\n"
    )
    process = begin(tmp_path, "list", path=tmp_path)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, out, err) == (130, "", "maskrec: interrupted; run the same command again\n")


def test_a_terminated_run_keeps_its_last_step_and_names_the_command_that_goes_on(
    tmp_path: Path, train: Callable[..., Path], go_on: Callable[..., Path]
) -> None:
    changes: dict[str, Any] = {
        "backbone": {"use": "plain", "dropout": 0.3},
        "loss": {"use": "slow", "seconds": 0.2},
        "train": {"epochs": 2, "workers": 1, "checkpoint_every": 1000},
    }
    recipe, run = write_recipe(tmp_path, {**changes, "sampler": {"use": "shuffled", "batch_size": 4}}), tmp_path / "a b"
    process = Program(["-m", "maskrec", "run", recipe, "--plugin", PIECES, "--run-dir", run], tmp_path)
    rows = run / "metrics.jsonl"
    while process.poll() is None and not (rows.exists() and rows.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.wait() == 143, err
    said, _, command = err.strip().rpartition(": ")
    assert said == "maskrec: terminated; continue with"
    assert shlex.split(command) == ["maskrec", "resume", str(run), "--plugin", str(PIECES)]
    steps = [json.loads(row)["step"] for row in rows.read_text().splitlines()]
    saved = load_tree(run / "checkpoints" / "last.safetensors")
    assert 2 <= saved["position"]["step"] == steps[-1] < 12
    go_on(run)
    quick = {**changes, "sampler": {"use": "shuffled", "batch_size": 4}}
    whole = train("whole", quick)
    assert_same_run(run, whole)


def test_an_interrupt_waits_for_the_end_of_a_block_where_it_is_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_state", interrupts._State())
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    finished = []

    def work() -> None:
        with interrupts.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            finished.append(True)

    try:
        interrupts.install()
        with pytest.raises(interrupts.Terminated):
            work()
        assert finished
        assert interrupts.received() == signal.SIGTERM
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# As in an interpreter that was started without the stream.
CLOSED = "import os, sys; os.close(1); sys.stdout = sys.__stdout__ = None; from maskrec.cli import main; main()"


def test_commands_succeed_with_standard_output_closed(tmp_path: Path) -> None:
    words = ["run", write_recipe(tmp_path), "--plugin", PIECES, "--run-dir", "run", "train.epochs=1"]
    done = run_python(["-c", CLOSED, *words], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "result.json").exists()
    closed = f"exec {shlex.join([sys.executable, '-m', 'maskrec', 'list'])} >&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = subprocess.run(["sh", "-c", closed], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, check=False)
    assert started.returncode == 0, started.stderr.decode()
