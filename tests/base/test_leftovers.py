"""Temporary files of killed processes are removed at the next start; files that only look like them are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from maskrec.base.files import remove_leftovers, write_bytes
from maskrec.runtime.run_directory import RunDirectory


def test_a_run_removes_what_a_killed_one_left_half_written(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    kept = [tmp_path / "notes.part", tmp_path / ".notes.part", tmp_path / ".draft.x.part", tmp_path / "metrics.jsonl"]
    for path in kept:
        path.write_bytes(b"mine")
    code = (
        "import os, sys; from pathlib import Path; from maskrec.base.files import write_atomically\n"
        "write_atomically(Path(sys.argv[1]), lambda path: (path.write_bytes(b'half'), os._exit(9)))"
    )
    for name in ("checkpoints/last.safetensors", "provenance.json"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    assert len(list(tmp_path.rglob(".*.part"))) == 4
    run = RunDirectory(tmp_path)
    run.lock()
    run.unlock()
    assert sorted(tmp_path.rglob("*.part")) == sorted(kept[:3])
    assert kept[3].exists()


def test_only_the_files_that_are_named_are_cleared(tmp_path: Path) -> None:
    ours, others = tmp_path / ".train.csv.12.part", tmp_path / ".faces.csv.12.part"
    for path in (ours, others):
        path.touch()
    remove_leftovers(tmp_path, "train.csv.*")
    assert (ours.exists(), others.exists()) == (False, True)


def test_a_file_that_is_written_whole_leaves_nothing(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"1")
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208 - hidden files too
