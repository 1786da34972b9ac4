"""Two processes are one: gloo, float64, no batch norm, no dropout; and a run goes from one to two to one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_comparison import largest_difference, rows_without_times

from maskrec.runtime.state_tree import load_tree

SCRIPT = Path(__file__).with_name("train_all.py")
BALANCED = {"use": "identity_balanced", "identities_per_batch": 4, "images_per_identity": 4}
ARCFACE = {"use": "arcface", "scale": 16.0, "margin": 0.2, "criterion": "focal", "class_weights": "log"}
SUM = {
    "use": "weighted_sum",
    "parts": {"arc": ARCFACE, "tri": {"use": "triplet", "margin": 0.5, "miner": "batch_all"}},
    "weights": {"arc": 1.0, "tri": 0.3},
}
LOSSES: dict[str, dict[str, Any]] = {
    "arcface": {"loss": ARCFACE},
    "batch_hard": {"loss": {"use": "triplet", "margin": 0.5, "miner": "batch_hard"}, "sampler": BALANCED},
    "semi_hard": {"loss": {"use": "triplet", "margin": 0.5, "miner": "semi_hard"}, "sampler": BALANCED},
    "batch_all": {"loss": {"use": "triplet", "margin": 0.5, "miner": "batch_all"}, "sampler": BALANCED},
    "weighted_sum": {"loss": SUM, "sampler": BALANCED},
    "distillation": {"loss": {"use": "template_distillation", "teacher": {"use": "plain"}}},
    "uneven": {"loss": ARCFACE, "sampler": {"use": "shuffled", "batch_size": 15}},
}
# 48 photos: 3 steps an epoch, 7 epochs make 21 steps
DOUBLE = {"train": {"epochs": 7, "workers": 0, "precision": "float64"}}


def launch(processes: int, folder: Path, runs: dict[str, dict[str, Any]], *overrides: str) -> None:
    """Train every recipe of ``runs`` in one process group (or one plain process)."""
    import yaml

    (folder / "runs.yaml").write_text(yaml.safe_dump(runs))
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(folder), *overrides],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def last(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = load_tree(run / "checkpoints" / "last.safetensors")
    return state


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Every loss trained by one process and by two."""
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    runs = {name: {**DOUBLE, **changes} for name, changes in LOSSES.items()}
    for processes, folder in enumerate(folders, start=1):
        launch(processes, folder, runs)
    return folders


@pytest.mark.skipif(sys.platform != "linux", reason="looks for threads in /proc")
def test_no_thread_of_the_process_group_outlives_it(both: tuple[Path, Path]) -> None:
    """Such a thread can abort the interpreter as it ends, after a training that went well."""
    for process in (0, 1):
        threads = (both[1] / f"threads{process}").read_text().split()
        assert threads
        assert not [name for name in threads if "gloo" in name]


@pytest.mark.parametrize("name", LOSSES)
def test_two_processes_equal_one(name: str, both: tuple[Path, Path]) -> None:
    one, two = (last(folder / name) for folder in both)
    assert one["position"]["step"] >= 20
    assert largest_difference(one["backbone"], two["backbone"]) < 1e-9
    assert largest_difference(one["loss"], two["loss"]) < 1e-9
    rows = [[row for row in rows_without_times(folder / name) if row["kind"] == "step"] for folder in both]
    for alone, together in zip(*rows, strict=True):
        assert together["loss"] == pytest.approx(alone["loss"], abs=1e-9)


def test_the_weights_moved_at_all(both: tuple[Path, Path]) -> None:
    """Equality would be no news of runs that learn nothing: each loss ends elsewhere."""
    ends = [last(both[0] / name)["backbone"] for name in LOSSES]
    assert all(largest_difference(ends[0], end) > 1e-6 for end in ends[1:])


def test_a_run_continues_with_two_processes_and_then_with_one(tmp_path: Path, both: tuple[Path, Path]) -> None:
    short = {"arcface": {**DOUBLE, **LOSSES["arcface"], "train": {**DOUBLE["train"], "epochs": 2}}}
    launch(1, tmp_path, short)
    launch(2, tmp_path, short, "epochs=5")
    launch(1, tmp_path, short, "epochs=7")
    whole, parts = last(both[0] / "arcface"), last(tmp_path / "arcface")
    assert parts["position"]["step"] == whole["position"]["step"]
    assert largest_difference(whole["backbone"], parts["backbone"]) < 1e-9


def test_torchrun_runs_the_command_line_itself(tmp_path: Path) -> None:
    from small_recipe import PIECES, write_recipe

    recipe = write_recipe(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "maskrec"]
    command += ["run", str(recipe), "--plugin", str(PIECES), "--run-dir", str(tmp_path / "run")]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("finished: 6 steps") == 1
