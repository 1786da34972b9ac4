"""Ctrl-C reaches every process of a terminal; only the main process prints a message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_RUN = """
import signal, sys
# Started in the background of a script, a process inherits that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
if __name__ == "__main__":
    from maskrec.cli.app import run_app
    run_app(sys.argv[1:])
"""


def _workers(process: subprocess.Popen[str]) -> list[str]:
    """Command lines of a process's children that are workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    lines = [Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace") for child in children]
    return [line for line in lines if "spawn_main" in line]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for workers in /proc")
@pytest.mark.parametrize(
    "after", [0.0, pytest.param(0.3, marks=pytest.mark.slow), pytest.param(1.0, marks=pytest.mark.slow)]
)
def test_an_interrupt_while_workers_start(tmp_path: Path, after: float) -> None:
    photos, script = tmp_path / "photos" / "Ann", tmp_path / "run.py"
    photos.mkdir(parents=True)
    script.write_text(_RUN, encoding="utf-8")
    Image.fromarray(np.full((40, 40, 3), 128, np.uint8)).save(photos / "0.png")
    for number in range(1, 600):
        os.link(photos / "0.png", photos / f"{number}.png")
    process = subprocess.Popen(
        [sys.executable, script, "data", "align", photos.parent, tmp_path / "faces", "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and not _workers(process):
        time.sleep(0.01)
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err.count("\n")) == (130, 1), err
    assert err.startswith("maskrec: interrupted")


_ENDS_AT_ONCE = """
import multiprocessing, os
from maskrec.preparation.resumable import worker_pool
with worker_pool._interrupts_held():
    pass
lock = multiprocessing.get_context("spawn").Lock()
os._exit(130)
"""


def test_nothing_is_printed_after_the_end_of_an_interrupted_process() -> None:
    """Python's tracker removes the semaphores of a process that ended at once; its streams close when it ends."""
    done = subprocess.run([sys.executable, "-c", _ENDS_AT_ONCE], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
