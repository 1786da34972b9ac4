"""Two processes are one: gloo, float64, no batch norm, no dropout; and a run goes from one to two to one.

Stopped and resumed, a run of several processes ends in the very bits of one that was not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from run_comparison import differences, largest_difference, rows_without_times
from small_recipe import PIECES, SMALL
from warm_python import run_python, run_ranks

from maskrec.base.errors import UsageError
from maskrec.plugin.host import discover
from maskrec.runtime.state_tree import load_tree
from maskrec.training.runner import resume

SCRIPT = Path(__file__).with_name("train_all.py")
BALANCED = {"use": "identity_balanced", "identities_per_batch": 4, "images_per_identity": 4}
ARCFACE = {"use": "arcface", "scale": 16.0, "margin": 0.2, "criterion": "focal", "class_weights": "log"}
SUM = {
    "use": "weighted_sum",
    "parts": {"arc": ARCFACE, "tri": {"use": "triplet", "margin": 0.5, "miner": "batch_all"}},
    "weights": {"arc": 1.0, "tri": 0.3},
}
# 48 photos: 3 steps an epoch, 7 epochs make 21 steps. Some runs evaluate and put masks on.
DOUBLE: dict[str, Any] = {
    "train": {"epochs": 7, "workers": 0, "precision": "float64"},
    "transforms": {"flip": {"use": "horizontal_flip"}},
    "evaluate": None,
}
FULL: dict[str, Any] = {"evaluate": SMALL["evaluate"], "transforms": SMALL["transforms"]}
# Below every step's norm, so that each is clipped.
CLIPPED = {**DOUBLE["train"], "clip_gradient_norm": 0.05}
# More classes than a batch has samples, of which a part is drawn.
MANY_PEOPLE = {"use": "synthetic_faces", "identities": 24, "images_per_identity": 2}
SHARDED_SUM = {
    "use": "weighted_sum",
    "parts": {"soft": {"use": "sharded_softmax"}, "tri": {"use": "triplet", "margin": 0.5, "miner": "batch_all"}},
    "weights": {"soft": 1.0, "tri": 0.3},
}


def margin_loss(head: dict[str, Any]) -> dict[str, Any]:
    """With a trained scale, which every process has."""
    margin = {"use": "arc", "margin": 0.2}
    return {"use": "margin_softmax", "margin": margin, "scale": 16.0, "learn_scale": True, "head": head}


REMEMBERING = {
    "use": "triplet",
    "miner": "easy_positive",
    "memory": {"use": "cross_batch_memory", "size": 40, "start": 2},
}
# Held out: two photos of each of six people, or two of the six.
PHOTOS = {**DOUBLE["train"], "epochs": 11, "validation": {"images_per_identity": 2, "every": 2}}
PEOPLE = {**DOUBLE["train"], "epochs": 11, "validation": {"fraction": 0.34}}
# Whole runs; every head, margin and miner is compared step by step in test_equal_processes.
LOSSES: dict[str, dict[str, Any]] = {
    "arcface": {"loss": ARCFACE, **FULL},
    "weighted_sum": {"loss": SUM, "sampler": BALANCED},
    "distillation": {"loss": {"use": "template_distillation", "teacher": {"use": "plain"}}},
    "sharded": {"loss": {"use": "sharded_softmax"}, "train": CLIPPED},
    "sharded_part": {"loss": SHARDED_SUM, "sampler": BALANCED, "train": CLIPPED},
    "uneven": {"loss": ARCFACE, "sampler": {"use": "shuffled", "batch_size": 15}},
    "sharded_head": {"loss": margin_loss({"use": "sharded", "block": 3, "centres_per_class": 2}), "train": CLIPPED},
    "validated_photos": {"loss": SHARDED_SUM, "sampler": BALANCED, "train": PHOTOS, **FULL},
}
OTHERS: dict[str, dict[str, Any]] = {
    "memory": {"loss": REMEMBERING, "sampler": BALANCED},
    "chunked_head": {"loss": {**ARCFACE, "head": "chunked"}, **FULL},
    "sampled_head": {"loss": margin_loss({"use": "sampled", "share": 0.7}), "data": MANY_PEOPLE},
    "validated_people": {"loss": REMEMBERING, "sampler": BALANCED, "train": PEOPLE},
}


def start_processes(
    processes: int, folder: Path, runs: dict[str, dict[str, Any]], *overrides: str
) -> list[subprocess.CompletedProcess[str]]:
    """Train every recipe of ``runs`` in one process group (or one plain process)."""
    (folder / "runs.yaml").write_text(yaml.safe_dump(runs))
    words = [SCRIPT, folder, *overrides]
    return run_ranks(processes, words) if processes > 1 else [run_python(words)]


def launch(processes: int, folder: Path, runs: dict[str, dict[str, Any]], *overrides: str) -> None:
    """Train, and expect success."""
    for done in start_processes(processes, folder, runs, *overrides):
        assert done.returncode == 0, done.stdout + done.stderr


def last(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = load_tree(run / "checkpoints" / "last.safetensors")
    return state


def shards(run: Path) -> list[dict[str, Any]]:
    """What each process of a sharded loss has for itself, by rank."""
    return [load_tree(run / "checkpoints" / row["file"]) for row in last(run)["shards"]]


def whole_classes(run: Path, name: str) -> torch.Tensor:
    """The classes' weights of all shards, in their order."""
    return torch.cat([shard["loss"][name] for shard in shards(run)])


def same_networks(one: Path, other: Path) -> list[str]:
    """Where two runs' checkpoints and shards differ, less what names the run."""
    states = [last(run) for run in (one, other)]
    pieces = [[{**state, "shards": shards(run)}] for state, run in zip(states, (one, other), strict=True)]
    for state in (*pieces[0], *pieces[1], *pieces[0][0]["shards"], *pieces[1][0]["shards"]):
        state.pop("metrics_bytes", None)  # rows hold times, whose digits vary
        assert state.pop("run_id")
    return differences(*pieces)


def trained(tmp_path_factory: pytest.TempPathFactory, runs: dict[str, dict[str, Any]]) -> tuple[Path, Path]:
    """The folders of these runs by one process and by two."""
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for processes, folder in enumerate(folders, start=1):
        launch(processes, folder, runs)
    return folders


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Every loss trained by one process and by two."""
    runs = {name: {**DOUBLE, **changes} for name, changes in LOSSES.items()}
    runs["sharded_resumed"] = {**DOUBLE, **LOSSES["sharded"], "train": {**CLIPPED, "epochs": 3}, "resume_to": 7}
    runs["stopped"] = {**DOUBLE, "observe": {"stop": {"use": "stopper", "after": 4}}}
    return trained(tmp_path_factory, runs)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Whole runs of the heads and the memory that `test_equal_processes` compares step by step."""
    return trained(tmp_path_factory, {name: {**DOUBLE, **changes} for name, changes in OTHERS.items()})


@pytest.mark.skipif(sys.platform != "linux", reason="looks for threads in /proc")
def test_no_thread_of_the_process_group_outlives_it(both: tuple[Path, Path]) -> None:
    """Such a thread can abort the interpreter at its end, after a successful training."""
    for process in (0, 1):
        threads = (both[1] / f"threads{process}").read_text().split()
        assert threads
        assert not [name for name in threads if "gloo" in name]


@pytest.mark.parametrize("name", LOSSES)
def test_two_processes_equal_one(name: str, both: tuple[Path, Path]) -> None:
    assert_both_end_as_one(name, both)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_so_do_those_that_are_compared_step_by_step(name: str, others: tuple[Path, Path]) -> None:
    assert_both_end_as_one(name, others)


def assert_both_end_as_one(name: str, both: tuple[Path, Path]) -> None:
    """Networks, losses and the rows of every step."""
    one, two = (last(folder / name) for folder in both)
    assert one["position"]["step"] >= 20
    assert largest_difference(one["backbone"], two["backbone"]) < 1e-9
    assert largest_difference(one["loss"], two["loss"]) < 1e-9
    rows = [[row for row in rows_without_times(folder / name) if row["kind"] == "step"] for folder in both]
    for alone, together in zip(*rows, strict=True):
        assert together["loss"] == pytest.approx(alone["loss"], abs=1e-9)
        assert together["gradient_norm"] == pytest.approx(alone["gradient_norm"], abs=1e-9)


def test_the_validation_loss_of_two_processes_is_that_of_one(both: tuple[Path, Path]) -> None:
    assert_validated_as_one("validated_photos", both)


@pytest.mark.slow
def test_so_is_that_of_held_out_people(others: tuple[Path, Path]) -> None:
    assert_validated_as_one("validated_people", others)


def assert_validated_as_one(name: str, both: tuple[Path, Path]) -> None:
    """The rows of the validation loss."""
    alone, together = (
        [row["loss"] for row in rows_without_times(folder / name) if row["kind"] == "validation"] for folder in both
    )
    assert len(alone) > 5
    assert together == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "weight", "each"),
    [("sharded", "weight", 1), ("sharded_part", "parts.soft.weight", 1), ("sharded_head", "weight", 2)],
)
def test_the_shards_of_two_processes_are_the_classes_of_one(
    name: str, weight: str, each: int, both: tuple[Path, Path]
) -> None:
    one, two = (whole_classes(folder / name, weight) for folder in both)
    assert len(shards(both[0] / name)) == 1
    assert [len(shard["loss"][weight]) for shard in shards(both[1] / name)] == [3 * each, 3 * each]
    assert largest_difference(one, two) < 1e-9
    steps = [row for row in rows_without_times(both[1] / name) if row["kind"] == "step"]
    assert min(row["gradient_norm"] for row in steps) > 2 * CLIPPED["clip_gradient_norm"]


def test_a_sharded_run_stopped_and_resumed_has_each_shards_own_momentum(both: tuple[Path, Path]) -> None:
    for folder in both:
        assert same_networks(folder / "sharded", folder / "sharded_resumed") == []
    first, second = (shard["optimizer"] for shard in shards(both[1] / "sharded_resumed"))
    assert first.keys() == second.keys() != set()
    assert largest_difference(first, second) > 1e-6


def test_an_observer_of_one_process_stops_all_at_the_same_step(both: tuple[Path, Path]) -> None:
    for folder in both:
        result = json.loads((folder / "stopped" / "result.json").read_text())
        assert (result["steps"], result["stopped"]) == (4, "three is enough")


@pytest.mark.slow
def test_heads_that_are_exact_end_as_the_dense_one(both: tuple[Path, Path], others: tuple[Path, Path]) -> None:
    for of_dense, of_chunked in zip(both, others, strict=True):
        dense, chunked = last(of_dense / "arcface"), last(of_chunked / "chunked_head")
        assert largest_difference(dense["backbone"], chunked["backbone"]) < 1e-9
        assert largest_difference(dense["loss"], chunked["loss"]) < 1e-9


@pytest.mark.slow
def test_a_sharded_head_goes_on_from_one_process_to_two_to_four_to_two(tmp_path: Path, both: tuple[Path, Path]) -> None:
    """Six classes: 6, then 3 and 3, then 1, 2, 1 and 2, then 3 and 3, with the momentum of each."""
    short = {"sharded_head": {**DOUBLE, **LOSSES["sharded_head"], "train": {**CLIPPED, "epochs": 2}}}
    launch(1, tmp_path, short)
    run = tmp_path / "sharded_head"
    for processes, epochs, classes in ((2, 3, [3, 3]), (4, 5, [1, 2, 1, 2]), (2, 7, [3, 3])):
        launch(processes, tmp_path, short, f"epochs={epochs}")
        assert [len(shard["loss"]["weight"]) for shard in shards(run)] == [2 * each for each in classes]
    whole, parts = last(both[0] / "sharded_head"), last(run)
    assert parts["position"]["step"] == whole["position"]["step"]
    assert set(parts["loss"]) == {"learned_scale"}
    assert largest_difference(whole["backbone"], parts["backbone"]) < 1e-9
    assert largest_difference(whole["loss"], parts["loss"]) < 1e-9
    weights = [whole_classes(each, "weight") for each in (both[0] / "sharded_head", run)]
    assert largest_difference(*weights) < 1e-9


def test_a_shard_that_does_not_say_how_it_is_cut_goes_on_only_with_as_many_processes(
    tmp_path: Path, both: tuple[Path, Path]
) -> None:
    shutil.copytree(both[1] / "sharded", tmp_path / "run")
    with pytest.raises(UsageError, match=r"processes as before: 2, not 1 \(ShardedSoftmax does not say"):
        resume(tmp_path / "run", discover([PIECES]), {"epochs": 8})


@pytest.mark.parametrize(
    ("foreign", "says"),
    [(False, "does not exist"), (True, "does not belong to last.safetensors: its checksum does not match")],
)
def test_a_shard_that_is_missing_or_of_another_run_is_a_sentence(
    foreign: bool, says: str, tmp_path: Path, both: tuple[Path, Path]
) -> None:
    """Also for another number of processes; the checkpoints stay as they were."""
    files = shutil.copytree(both[1] / "sharded_head", tmp_path / "run") / "checkpoints"
    other = next((both[0] / "sharded_head" / "checkpoints").glob("shard-0-of-1.*"))
    for shard in files.glob("shard-1-of-2.*"):  # of the last checkpoint and of the one before
        shard.unlink()
        if foreign:
            shutil.copy(other, shard)
    before = {path.name: path.stat().st_mtime_ns for path in files.iterdir()}
    with pytest.raises(UsageError, match=says) as error:
        resume(tmp_path / "run", discover([PIECES]), {"epochs": 8})
    assert "\n" not in str(error.value)
    assert {path.name: path.stat().st_mtime_ns for path in files.iterdir()} == before


@pytest.mark.slow
def test_four_processes_stopped_and_resumed_equal_four_undisturbed_in_every_bit(tmp_path: Path) -> None:
    """With two processes a sum has one order only; batch norm and dropout are each process's own."""
    parts = {"backbone": {"use": "normed"}, "train": {"epochs": 2, "workers": 0, "ema": 0.9}}
    whole = {**parts, "train": {**parts["train"], "epochs": 4}}
    launch(4, tmp_path, {"whole": whole, "parts": {**parts, "resume_to": 4}})
    assert last(tmp_path / "whole")["position"]["step"] == 12
    assert same_networks(tmp_path / "whole", tmp_path / "parts") == []
    assert rows_without_times(tmp_path / "whole") == rows_without_times(tmp_path / "parts")


def test_the_weights_moved_at_all(both: tuple[Path, Path]) -> None:
    """Equality would show nothing for runs that learn nothing: each loss ends at another value."""
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


def test_batch_norm_over_each_process_alone_is_said_once(tmp_path: Path) -> None:
    normed = {"use": "timm", "model": "test_resnet", "embedding_size": 8}
    runs = {"normed": {**DOUBLE, "backbone": normed, "loss": ARCFACE, "train": {**DOUBLE["train"], "epochs": 1}}}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        done = start_processes(processes, folder, runs)
        assert [each.returncode for each in done] == [0] * processes, done[0].stderr
        notes = [line for each in done for line in each.stdout.splitlines() if "batch norm uses the samples" in line]
        assert notes == ["note: batch norm uses the samples of each of the 2 processes separately"] * (processes - 1)


@pytest.mark.slow
def test_torchrun_runs_the_command_line_itself(tmp_path: Path) -> None:
    from small_recipe import write_recipe

    recipe = write_recipe(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "maskrec"]
    command += ["run", str(recipe), "--plugin", str(PIECES), "--run-dir", str(tmp_path / "run")]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("finished: 6 steps") == 1
