"""Runs from start to end in this process: what they write, how they continue, how they fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from run_comparison import assert_same_run, largest_difference, rows_without_times

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.cli.app import run_app
from maskrec.contracts.problem import RecipeError
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.state_tree import load_tree, read_checksum
from maskrec.training.records.failure_record import recording_failure

Train = Callable[..., Path]
PIECES = Path(__file__).with_name("pieces.py")
EVALUATE = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 20}


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_tree(run / "checkpoints" / "last.safetensors")["backbone"]
    return state


def test_a_run_leaves_a_directory_that_explains_itself(train: Train) -> None:
    run = train("run")
    recipe = (run / "recipe.yaml").read_text()
    for qualified in ("maskrec/arcface", "maskrec/synthetic_faces", "file:pieces.py/plain", "maskrec/horizontal_flip"):
        assert qualified in recipe
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["components"]["loss"]["target"] == "maskrec.losses.margins.arcface:ArcFace"
    assert len(provenance["components"]["evaluate.held_out.pairs"]["sources"]) == 64
    assert {"torch", "python", "maskrec"} <= provenance["versions"].keys()
    kinds = [row["kind"] for row in rows_without_times(run)]
    assert kinds == [*["step"] * 3, "evaluate", "epoch"] * 2 + ["test"]
    assert [row["step"] for row in rows_without_times(run) if row["kind"] == "step"] == [1, 2, 3, 4, 5, 6]
    result = json.loads((run / "result.json").read_text())
    assert result["steps"] == 6
    assert result["stopped"] is None
    for name in ("last", "best"):
        assert (run / "checkpoints" / f"{name}.safetensors").exists()
        said = json.loads((run / "checkpoints" / f"{name}.thresholds.json").read_text())
        assert said["form"] == "maskrec-thresholds-2"
        assert said["weights"] == read_checksum(run / "checkpoints" / f"{name}.safetensors")
        assert said["thresholds"] == {"held_out": {}}


def test_the_same_recipe_and_seed_give_the_same_run_and_another_seed_another(train: Train) -> None:
    assert_same_run(train("one"), train("two"))
    assert largest_difference(weights(train("one")), weights(train("three", {"seed": 6}))) > 1e-3


def test_deterministic_algorithms_change_nothing_on_a_cpu_and_are_recorded(train: Train) -> None:
    run = train("held", None, "train.deterministic=true")
    assert_same_run(train("free"), run)
    (started,) = json.loads((run / "provenance.json").read_text())["history"]
    assert started["compute"] == {"device": "cpu", "precision": "float32", "tf32": None, "deterministic": True}
    assert not torch.are_deterministic_algorithms_enabled()


def test_workers_do_not_change_a_bit(train: Train) -> None:
    assert_same_run(train("none"), train("two", None, "train.workers=2"))


def test_more_epochs_continue_as_if_requested_at_the_start(train: Train, go_on: Train) -> None:
    changes: dict[str, Any] = {"backbone": {"use": "plain", "dropout": 0.5}}
    whole = train("whole", changes, "train.epochs=3")
    parts = train("parts", changes)
    go_on(parts, epochs=3)
    before_test = [row for row in rows_without_times(whole) if row["kind"] != "test"]
    assert [row for row in rows_without_times(parts) if row["kind"] != "test"] == before_test
    assert largest_difference(weights(whole), weights(parts)) == 0
    assert len(json.loads((parts / "provenance.json").read_text())["history"]) == 2


def test_a_finished_run_says_so_and_is_left_alone(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("run")
    before = (run / "metrics.jsonl").read_bytes()
    train("run")
    assert "already finished" in capsys.readouterr().out
    assert (run / "metrics.jsonl").read_bytes() == before


def test_another_recipe_in_the_same_directory_is_refused(train: Train) -> None:
    run = train("run")
    before = (run / "recipe.yaml").read_bytes()
    with pytest.raises(UsageError, match=r"another recipe.*margin: 0\.2.*margin: 0\.3"):
        train("run", None, "loss.margin=0.3")
    assert (run / "recipe.yaml").read_bytes() == before


def test_a_folder_with_other_files_is_refused_and_one_killed_early_is_taken(train: Train, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"holiday\.jpg"):
        train("photos")
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "owner.json").write_text("{}")
    (tmp_path / "early" / ".lock").touch()
    assert_same_run(train("early"), train("whole"))


def test_a_run_directory_in_use_is_refused(train: Train, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from maskrec.runtime.run_directory import open_directory\n"
        "run = open_directory(Path(sys.argv[1])); run.lock(); print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(MaskrecError, match=f"in use by process {holder.pid}"):
        train("run")
    holder.kill()  # a kill releases the lock
    holder.wait(timeout=600)
    train("run")


def test_a_run_that_failed_has_let_its_directory_go(train: Train, tmp_path: Path) -> None:
    with pytest.raises(MaskrecError, match="not finite") as kept:  # and with it every frame of the run
        train("run", {"loss": {"use": "exploding"}})
    code = (
        "from pathlib import Path; from maskrec.runtime.run_directory import open_directory\n"
        "open_directory(Path('run')).lock()"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert (other.returncode, other.stderr) == (0, "")
    assert kept.value


def test_a_recipe_that_cannot_be_built_leaves_no_directory(train: Train, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="batch_size 4096 is more than the 48"):
        train("run", {"sampler": {"use": "shuffled", "batch_size": 4096}})
    assert not (tmp_path / "run").exists()


def test_a_loss_that_stops_being_finite_stops_the_run_and_spoils_no_checkpoint(train: Train, tmp_path: Path) -> None:
    with pytest.raises(MaskrecError, match=r"file:pieces\.py/exploding.*not finite at step 3"):
        train("run", {"loss": {"use": "exploding"}})
    failure = json.loads((tmp_path / "run" / "failure.json").read_text())
    assert (failure["exit_code"], failure["process"]) == (1, 0)
    assert "file:pieces.py/exploding: the loss is not finite at step 3" in failure["message"]
    assert all(bool(torch.isfinite(value).all()) for value in weights(tmp_path / "run").values())


def test_collapse_monitor_names_the_loss_that_is_not_finite(train: Train) -> None:
    with pytest.raises(MaskrecError, match="exploding"):
        train("run", {"loss": {"use": "exploding"}, "observe": {"collapse": {"use": "collapse_monitor"}}})


def test_a_loss_that_returns_no_scalar_is_named(train: Train) -> None:
    with pytest.raises(MaskrecError, match="must return a scalar"):
        train("run", {"loss": {"use": "vector"}})


def test_a_frozen_teacher_is_neither_trained_nor_saved(train: Train) -> None:
    run = train("run", {"loss": {"use": "frozen"}})
    state = load_tree(run / "checkpoints" / "last.safetensors")
    assert set(state["loss"]) == {"scale"}
    assert sum(len(group["params"]) for group in state["optimizer"]["param_groups"]) == 6 + 1
    assert state["loss"]["scale"].item() != 1.0


def test_an_observer_may_end_the_run_early_or_as_a_failure(train: Train) -> None:
    run = train("early", {"observe": {"stop": {"use": "stopper"}}})
    result = json.loads((run / "result.json").read_text())
    assert (result["stopped"], result["steps"]) == ("three is enough", 3)
    with pytest.raises(MaskrecError, match="three is enough"):
        train("failure", {"observe": {"stop": {"use": "stopper", "failed": True}}})


def test_an_observers_state_continues_with_the_run(train: Train, go_on: Train) -> None:
    run = train("run", {"observe": {"stop": {"use": "stopper", "after": 100}}})
    go_on(run, epochs=3)
    assert (run / "count-2.txt").read_text() == "9"


@pytest.mark.parametrize(("answer", "message"), [("undeclared", "does not declare"), ("nan", "returned nan")])
def test_evaluators_are_held_to_what_they_declared(train: Train, answer: str, message: str) -> None:
    with pytest.raises(MaskrecError, match=message):
        train("run", {"evaluate": {"held_out": {"use": "meter", "answer": answer, "pairs": EVALUATE}}})


def test_people_used_in_training_are_not_measured(train: Train) -> None:
    with pytest.raises(RecipeError, match="6 people of these pairs are also in the training data"):
        train("run", {"evaluate": {"held_out": {"use": "meter", "pairs": {**EVALUATE, "first_identity": 0}}}})


def test_people_who_choose_the_threshold_and_are_measured_by_it_are_reported(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {"use": "pair_histogram", "evaluation": EVALUATE, "test": {**EVALUATE, "first_identity": 10015}}
    train("run", {"evaluate": {"held_out": both}})
    note = "note: 5 people are in both evaluate.held_out.evaluation and evaluate.held_out.test"
    assert note in capsys.readouterr().out


def test_figures_near_guessing_are_noted_at_the_end(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("run", {"evaluate": {"held_out": {"use": "verification", "pairs": EVALUATE, "fars": [0.5]}}})
    area = json.loads((run / "result.json").read_text())["evaluate"]["held_out"]["metrics"]["auc"]
    assert area < 0.65
    said = f"the area under the ROC curve is {area:.2f}, and guessing has 0.50; lower the learning rate"
    assert f"note: held_out: this network hardly tells people apart: {said}" in capsys.readouterr().out


def test_masks_on_data_without_landmarks_are_an_error_before_training(train: Train, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    for person in range(4):
        (tmp_path / "photos" / f"p{person}").mkdir(parents=True)
        for photo in range(8):
            cv2.imwrite(str(tmp_path / "photos" / f"p{person}" / f"{photo}.png"), np.full((32, 32, 3), 7, np.uint8))
    with pytest.raises(RecipeError, match="needs landmarks"):
        train("run", {"data": {"use": "image_folder", "path": "photos"}})
    (tmp_path / "photos" / "p0" / "3.png").write_bytes(b"no picture")
    with pytest.raises(MaskrecError, match=r"3\.png"):
        train("broken", {"data": {"use": "image_folder", "path": "photos"}, "transforms": None})


def test_a_changed_component_stops_a_resume_unless_drift_is_allowed(train: Train, go_on: Train, tmp_path: Path) -> None:
    run = train("run")
    changed = tmp_path / "pieces.py"
    changed.write_text(PIECES.read_text() + "\n# another line\n")
    with pytest.raises(UsageError, match=r"backbone.*--allow-drift"):
        go_on(run, plugin=changed, epochs=3)
    go_on(run, plugin=changed, epochs=3, allow_drift=True)


def test_resume_changes_epochs_and_machine_settings_only(train: Train, go_on: Train, tmp_path: Path) -> None:
    run = train("run")
    with pytest.raises(UsageError, match=r"resume cannot change train\.precision"):
        go_on(run, precision="float64")
    for changes, said in (
        ({"log_every": 0}, "`log_every` must be at least 1, not 0"),
        ({"compile": "fast"}, "compile"),
        ({"max_skipped": -1}, "`max_skipped` must be at least 0, not -1"),
        ({"epochs": "many"}, "epochs"),
    ):
        with pytest.raises(RecipeError, match=said):
            go_on(run, **changes)
    (run / "result.json").unlink()  # as if it had been killed before its end
    with pytest.raises(UsageError, match="2 epochs are already finished"):
        go_on(run, epochs=1)
    with pytest.raises(UsageError, match="not a run directory"):
        go_on(tmp_path)


def test_what_resume_cannot_do_is_said(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("run")

    def refused(*words: object) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run_app(["resume", *map(str, words)])
        assert ended.value.code == 2
        return capsys.readouterr().err

    fewer = f"train.epochs=1: {run} is finished with train.epochs 2; a greater number continues it"
    assert fewer in refused(run, "train.epochs=1", "--plugin", PIECES)
    assert refused(run, "train.epoch=3") == "maskrec: train.epoch=3: `train` has no `epoch`; did you mean epochs?\n"
    precision = refused(run, "train.precision=float64", "--plugin", PIECES)
    assert "resume cannot change train.precision; only train.epochs" in precision
    assert f"{run.parent} is not a run directory, but {run} is one: give that" in refused(run.parent)


def test_two_small_batches_accumulated_are_one_large_one(train: Train) -> None:
    plain = {"transforms": {"flip": {"use": "horizontal_flip"}}}
    large = train("large", {**plain, "sampler": {"use": "shuffled", "batch_size": 16}}, "train.precision=float64")
    small = train(
        "small",
        {**plain, "sampler": {"use": "shuffled", "batch_size": 8}},
        "train.precision=float64",
        "train.accumulate=2",
    )
    assert largest_difference(weights(large), weights(small)) < 1e-12


def test_a_batch_of_one_identity_says_which_sampler_to_use(train: Train) -> None:
    changes = {
        "loss": {"use": "triplet"},
        "sampler": {"use": "shuffled", "batch_size": 2},
        "data": {"use": "synthetic_faces", "identities": 40, "images_per_identity": 2},
    }
    with pytest.raises(MaskrecError, match="identity_balanced"):
        train("run", changes)


def test_another_runs_checkpoint_is_refused_and_a_damaged_one_gives_way_to_the_one_before(
    train: Train, go_on: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = train("run"), train("other", None, "train.epochs=3")
    whole = (run / "checkpoints" / "last.safetensors").read_bytes()
    shutil.copy(other / "checkpoints" / "last.safetensors", run / "checkpoints" / "last.safetensors")
    with pytest.raises(UsageError, match="is from a different run than"):
        go_on(run, epochs=3)
    (run / "checkpoints" / "last.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    capsys.readouterr()
    go_on(run, epochs=3)
    assert "damaged" in capsys.readouterr().out
    assert_same_run(run, other)


def test_a_run_that_lost_its_checkpoints_keeps_its_rows_and_its_best(train: Train, go_on: Train) -> None:
    run = train("run")
    kept = {path: path.read_bytes() for path in (run / "metrics.jsonl", run / "checkpoints" / "best.safetensors")}
    for name in ("last", "previous"):
        (run / "checkpoints" / f"{name}.safetensors").unlink()
    with pytest.raises(UsageError, match="would start over"):
        go_on(run, epochs=3)
    assert {path: path.read_bytes() for path in kept} == kept


def test_metrics_shorter_than_the_checkpoint_says_are_damage(train: Train, go_on: Train) -> None:
    run = train("run")
    (run / "metrics.jsonl").write_text("")
    with pytest.raises(UsageError, match="shorter than its checkpoint"):
        go_on(run, epochs=3)


def test_a_schedule_that_ends_before_the_run_is_an_error_before_training(train: Train, go_on: Train) -> None:
    cycle = {"scheduler": {"use": "onecycle", "max_lr": 0.1, "total_steps": 6, "every": "step"}}
    run = train("run", cycle)
    with pytest.raises(RecipeError, match="`total_steps` is 6 and this run has 9 steps"):
        go_on(run, epochs=3)


def test_the_caveat_of_the_data_is_reported_first_and_last(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("run")
    lines = capsys.readouterr().out.splitlines()
    (caveat,) = json.loads((run / "result.json").read_text())["caveats"]
    assert "nothing about real faces" in caveat
    assert lines.count(f"note: {caveat}") == 2
    assert lines[-1] == f"note: {caveat}"


def test_a_failure_is_recorded_until_the_run_starts_again(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for error, said in (
        (KeyboardInterrupt(), ("interrupted", 130)),
        (UsageError("set it lower"), ("set it lower", 2)),
        (TypeError("no\nnumber"), ("unexpected TypeError: no number", 1)),
    ):
        with pytest.raises(type(error)), recording_failure(run):
            raise error
        record = json.loads(run.failure.read_text())
        assert (record["message"], record["exit_code"]) == said
    with recording_failure(run):
        assert not run.failure.exists()
    assert not run.failure.exists()
