"""What trackers learn of a run from its folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from tracked_runs import run_directory

from maskrec.base.errors import UsageError
from maskrec.runtime.recorded_run import checkpoint_hashes, read_recorded_run


def test_a_run_is_described_by_its_folder(tmp_path: Path) -> None:
    run = read_recorded_run(run_directory(tmp_path))
    assert (run.run_id, run.name, run.demo) == ("0123456789abcdef", "small", False)
    assert run.providers == {"maskrec": "0.1.0", "maskrec-example-loss": "0.3"}
    assert run.evaluators == {"held_out": "maskrec/pair_histogram", "theirs": "maskrec-other/picture"}
    flat = run.flat_recipe()
    assert flat["loss.scale"] == 64.0
    assert flat["optimizer.lr"] == 1e-05  # a number by YAML 1.2, a string by 1.1
    assert flat["image_size"] is None


def test_hashes_of_the_checkpoints_that_are_there(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    (directory / "checkpoints" / "best.safetensors").unlink()
    assert checkpoint_hashes(directory) == {"last": hashlib.sha256(b"last" * 1000).hexdigest()}


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_recorded_run(tmp_path)


def test_it_needs_no_torch() -> None:
    code = "import sys, maskrec.runtime.recorded_run, maskrec.observers.event_scalars; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
