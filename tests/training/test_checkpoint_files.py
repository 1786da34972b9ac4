"""The files from which a run continues: complete at every moment, of this run, and never replaced by a fresh start."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.state_tree import load_tree
from maskrec.runtime.weight_files import read_checkpoint, save_checkpoint
from maskrec.training.checkpoints.checkpoint_files import has_checkpoint, read_last, save_last, save_start

FIRST_FORM = (
    '{"dict": [["backbone", {"dict": [["w", {"tensor": "/w"}]]}], ["evaluations", {"dict": []}], '
    '["position", {"dict": [["epoch", {"value": 1}]]}]]}'
)


def new_run(path: Path, run_id: str) -> RunDirectory:
    (path / "checkpoints").mkdir(parents=True)
    (path / "provenance.json").write_text(json.dumps({"run_id": run_id}))
    return RunDirectory(path)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return new_run(tmp_path / "run", "0123456789abcdef")


def state_at(step: int, best_epoch: int | None = None) -> dict[str, Any]:
    """A state whose tensors all hold the step."""
    return {
        "backbone": {"w": torch.full((100,), float(step))},
        "loss": {},
        "optimizer": {},
        "schedule": {},
        "position": {"epoch": 0, "batches": step, "step": step},
        "best": {"epoch": best_epoch, "value": None},
        "observers": {},
        "metrics_bytes": 0,
    }


def save(run: RunDirectory, step: int, sharded: bool = False, best_epoch: int | None = None) -> None:
    """A checkpoint whose tensors all hold the step."""
    state = state_at(step, best_epoch)
    save_last(run, state, {"loss": {"w": state["backbone"]["w"]}, "optimizer": {}} if sharded else None, {})


def step_of(run: RunDirectory) -> int:
    """Which checkpoint is read, after a look at whether all of it is of that step."""
    state, shards = read_last(run)
    step: int = state["position"]["step"]
    assert torch.equal(state["backbone"]["w"], torch.full((100,), float(step)))
    for shard in shards:
        assert torch.equal(shard["loss"]["w"], torch.full((100,), float(step)))
    return step


def shard_files(run: RunDirectory) -> list[Path]:
    return sorted((run.path / "checkpoints").glob("shard-*"), key=lambda path: path.stat().st_mtime_ns)


def flip(path: Path) -> None:
    """One bit of a tensor."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [flip, cut, remove])
def test_the_checkpoint_before_is_taken_with_a_sentence(
    harm: Any, run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    save(run, 1)
    save(run, 2)
    assert step_of(run) == 2
    assert capsys.readouterr().out == ""
    harm(run.checkpoint("last"))
    assert step_of(run) == 1
    out = capsys.readouterr().out
    assert out.startswith("note: ")
    assert "last.safetensors" in out
    assert "previous.safetensors at step 1" in out
    save(run, 3)  # what was damaged does not become the previous one
    assert step_of(run) == 3
    harm(run.checkpoint("last"))
    assert step_of(run) == 1


def test_both_damaged_is_a_sentence_that_names_both(run: RunDirectory) -> None:
    save(run, 1)
    save(run, 2)
    flip(run.checkpoint("last"))
    cut(run.checkpoint("previous"))
    with pytest.raises(UsageError, match=r"last\.safetensors.*previous\.safetensors.*put one of the two back"):
        read_last(run)


def test_another_runs_file_is_refused_although_the_previous_one_is_there(run: RunDirectory, tmp_path: Path) -> None:
    other = new_run(tmp_path / "other", "fedcba9876543210")
    save(run, 1)
    save(run, 2)
    save(other, 7)
    run.checkpoint("last").write_bytes(other.checkpoint("last").read_bytes())
    with pytest.raises(UsageError, match="is from a different run than"):
        read_last(run)


@pytest.mark.parametrize("left", ["marker", "best", "result"])
def test_a_run_whose_checkpoints_are_gone_does_not_start_over(left: str, run: RunDirectory) -> None:
    assert not has_checkpoint(run)
    if left == "marker":
        save(run, 1)
        assert has_checkpoint(run)
        run.checkpoint("last").unlink()
    else:
        {"best": run.checkpoint("best"), "result": run.result}[left].write_text("{}")
    with pytest.raises(UsageError, match="would start over"):
        has_checkpoint(run)


def test_a_run_killed_before_its_first_checkpoint_starts_over_and_says_so(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    run.metrics.write_text('{"kind": "step"}')
    assert not has_checkpoint(run)
    assert "no checkpoint yet" in capsys.readouterr().out


def test_a_run_that_ended_while_its_first_checkpoint_was_written_goes_on_from_its_start(run: RunDirectory) -> None:
    """It is marked before the file is there: after a kill between the two a lost file is not taken for none."""
    save_start(run, state_at(0), None)
    run.checkpoint("last").mkdir()  # in the way of the file
    with pytest.raises(MaskrecError):
        save(run, 1)
    run.checkpoint("last").rmdir()
    assert has_checkpoint(run)
    assert step_of(run) == 0


def test_a_checkpoint_of_the_first_form_opens_with_a_note_and_is_not_resumed(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = {"format": "maskrec-state-1", "structure": FIRST_FORM}
    save_file({"/w": torch.ones(2)}, run.checkpoint("last"), metadata=metadata)
    assert torch.equal(read_checkpoint(run.checkpoint("last"), run.run_id)["backbone"]["w"], torch.ones(2))
    assert "has no checksum" in capsys.readouterr().err
    with pytest.raises(UsageError, match="without a checksum, and cannot be resumed"):
        read_last(run)


@pytest.mark.parametrize("sharded", [False, True])
def test_a_state_that_is_not_finite_leaves_the_files_before(sharded: bool, run: RunDirectory) -> None:
    save(run, 1, sharded=sharded)
    save(run, 2, sharded=sharded)
    bad, good = torch.tensor([1.0, float("nan")]), torch.ones(2)
    state = {"backbone": {"w": good if sharded else bad}, "position": {"step": 3}, "best": {"epoch": None}}
    with pytest.raises(MaskrecError, match="/w is not finite"):
        save_last(run, state, {"loss": {"w": bad}, "optimizer": {}} if sharded else None, {})
    assert step_of(run) == 2
    run.checkpoint("last").unlink()
    assert step_of(run) == 1


def test_the_best_checkpoint_is_looked_at_before_hours_are_spent(run: RunDirectory, tmp_path: Path) -> None:
    save(run, 1, best_epoch=0)
    with pytest.raises(UsageError, match=r"best\.safetensors does not exist.*test of its best weights"):
        read_last(run)
    save_checkpoint(run.checkpoint("best"), {"run_id": run.run_id, "backbone": {}}, {})
    assert step_of(run) == 1
    flip(run.checkpoint("best"))
    with pytest.raises(UsageError, match=r"best\.safetensors.*damaged"):
        read_last(run)


def test_equal_states_are_equal_files(run: RunDirectory) -> None:
    save(run, 1)
    first = run.checkpoint("last").read_bytes()
    save(run, 1)
    assert run.checkpoint("last").read_bytes() == first == run.checkpoint("previous").read_bytes()


def test_a_shard_is_kept_as_long_as_a_checkpoint_names_it(run: RunDirectory) -> None:
    for step in (1, 2, 3):
        save(run, step, sharded=True)
    assert len(shard_files(run)) == 2
    assert all(path.name.startswith("shard-0-of-1.") for path in shard_files(run))
    assert step_of(run) == 3
    run.checkpoint("last").unlink()
    assert step_of(run) == 2


@pytest.mark.parametrize("harm", [flip, cut, remove])
def test_a_damaged_shard_sends_the_whole_set_back(harm: Any, run: RunDirectory) -> None:
    save(run, 1, sharded=True)
    save(run, 2, sharded=True)
    harm(shard_files(run)[-1])
    assert step_of(run) == 1


def test_a_sound_shard_of_another_save_is_not_taken(run: RunDirectory) -> None:
    save(run, 1, sharded=True)
    save(run, 2, sharded=True)
    old, new = shard_files(run)
    new.write_bytes(old.read_bytes())
    assert step_of(run) == 1


def test_a_disk_full_between_the_shards_and_the_main_file_leaves_the_set_before(run: RunDirectory) -> None:
    """The kernel refuses to write past a limit, as it does on a full disk."""
    save(run, 1, sharded=True)
    large = {"backbone": {"w": torch.ones(1_000_000)}, "position": {"step": 2}, "best": {"epoch": None}}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(MaskrecError, match="could not be written"):
            save_last(run, large, {"loss": {"w": torch.full((100,), 2.0)}, "optimizer": {}}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(shard_files(run)) == 2
    assert step_of(run) == 1
    save(run, 3, sharded=True)
    assert step_of(run) == 3
    assert {load_tree(path)["loss"]["w"][0].item() for path in shard_files(run)} == {1.0, 3.0}


def test_a_file_system_without_hard_links_keeps_the_previous_one_too(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    save(run, 1)
    save(run, 2)
    assert step_of(run) == 2
    run.checkpoint("last").unlink()
    assert step_of(run) == 1
