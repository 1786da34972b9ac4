"""A run directory that was changed by hand, or that lost a file, is not continued without a message."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from probe_runs import PROBES, probe
from run_comparison import assert_same_run, rows_without_times

from maskrec.base.errors import UsageError
from maskrec.inference.open_model import open_run
from maskrec.plugin.host import discover
from maskrec.runtime.state_tree import load_tree, save_tree
from maskrec.training.records.recording import Recorder

Train = Callable[..., Path]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs that tests copy."""
    return probe(tmp_path_factory.mktemp("probe"), None, "train.epochs=2")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy, as if it had been killed before its end."""
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "result.json").unlink()
    return run


def go_on(run: Path, **options: Any) -> None:
    from maskrec.training.runner import resume

    resume(run, discover([PROBES]), {}, **options)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_edited_recipe_is_refused_and_the_value_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run / "recipe.yaml", "lr: 0.01", "lr: 0.5")
    with pytest.raises(
        UsageError, match=r"recipe\.yaml was edited: optimizer\.lr is 0\.5, and .* 0\.01.*--allow-drift"
    ):
        go_on(run)
    go_on(run, allow_drift=True)
    assert "note: " in capsys.readouterr().out
    assert json.loads((run / "result.json").read_text())["steps"] > 0
    go_on(run)  # from here on this is its recipe


def test_the_same_command_in_a_directory_with_an_edited_recipe_is_refused(run: Path, tmp_path: Path) -> None:
    edit(run / "recipe.yaml", "seed: 5", "seed: 6")
    with pytest.raises(UsageError, match="was edited: seed is 6"):
        probe(tmp_path, None, "train.epochs=2")


@pytest.mark.parametrize("name", ["recipe.yaml", "provenance.json"])
def test_a_run_that_lost_what_says_how_it_was_made(name: str, run: Path, tmp_path: Path) -> None:
    whole = (run / name).read_bytes()
    (run / name).unlink()
    with pytest.raises(UsageError, match=rf"{name} is missing.*--allow-drift"):
        go_on(run)
    with pytest.raises(UsageError, match=rf"{name} is missing"):
        probe(tmp_path, None, "train.epochs=2")
    with_it = shutil.copytree(run, tmp_path / "with")
    (with_it / name).write_bytes(whole)
    go_on(with_it)
    from probe_runs import probe_plan

    from maskrec.training.runner import start

    plan = probe_plan(tmp_path, None, "train.epochs=2")
    start(plan, discover([PROBES]), tmp_path, run, allow_drift=True)
    assert_same_run(run, with_it)
    assert json.loads((run / "provenance.json").read_text())["recipe"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda rows: rows.replace(b'{"kind"', b'{"ki\xffnd', 1), "line 1 is not a row"),
        (lambda rows: rows[:40] + b"\n" + rows[40:], "line 1 is not a row"),
        (lambda rows: b'{"kind": "step"}\n' + rows, "has a torn line"),
        (lambda rows: rows[:-20], "shorter than its checkpoint says"),
    ],
)
def test_rows_that_were_damaged_are_refused(
    damage: Callable[[bytes], bytes], said: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "metrics.jsonl"
    rows = b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b'"kind": "test"' not in line)
    Recorder(path, len(rows)).stream.close()  # type: ignore[union-attr]
    assert path.read_bytes() == rows
    path.write_bytes(damage(rows))
    with pytest.raises(UsageError, match=f"{said}.*--allow-drift"):
        Recorder(path, len(rows))
    with Recorder(path, len(rows), allow_drift=True) as recorder:
        recorder.write("end")
    assert said in capsys.readouterr().out
    assert json.loads(path.read_bytes().splitlines()[-1])["kind"] == "end"


def test_a_number_that_json_does_not_know_is_null(tmp_path: Path) -> None:
    with Recorder(tmp_path / "metrics.jsonl", 0) as recorder:
        recorder.write("step", loss=1.0, diagnostics={"a": float("nan"), "b": float("inf"), "c": 2.0})
    (row,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    strict = json.loads(row, parse_constant=lambda name: pytest.fail(f"{name} in {row}"))
    assert strict["diagnostics"] == {"a": None, "b": None, "c": 2.0}


def test_more_epochs_for_a_finished_run_name_the_command_that_trains_them(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train\.epochs 2, and the command says 4; to change it") as caught:
        probe(tmp_path, None, "train.epochs=4")
    words = shlex.split(str(caught.value).rpartition("it: ")[2])
    assert words == ["maskrec", "resume", str(run), "train.epochs=4"]


def test_another_recipe_is_refused_by_the_one_value_that_differs(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        probe(tmp_path, None, "train.epochs=2", "sampler.batch_size=4")
    assert "(it has sampler.batch_size: 8, this one has sampler.batch_size: 4)" in str(caught.value)


def test_the_first_checkpoint_has_the_start_before_it(
    train: Train, go_on: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose only checkpoint is that of its end, without an evaluation, before which one would be written."""
    changes: dict[str, Any] = {"backbone": {"use": "plain", "dropout": 0.5}, "evaluate": None}
    whole = train("whole", changes)
    for name, harm in (("gone", Path.unlink), ("cut", lambda path: path.write_bytes(path.read_bytes()[:-1]))):
        run = train(name, changes, "train.epochs=1", "train.checkpoint_every=100")
        harm(run / "checkpoints" / "last.safetensors")
        capsys.readouterr()
        go_on(run, epochs=2)
        assert "continuing from" in (said := capsys.readouterr().out)
        assert "the start of the run" in said
        assert_same_run(whole, run)


def test_opening_a_run_falls_back_to_the_checkpoint_before(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "checkpoints" / "best.safetensors").unlink()
    catalog = discover([PROBES])
    last = open_run(run, catalog).network.state_dict()
    assert "best.safetensors is gone" in capsys.readouterr().err
    previous = run / "checkpoints" / "previous.safetensors"
    state = load_tree(previous)
    save_tree({**state, "backbone": {name: value + 1 for name, value in state["backbone"].items()}}, previous)
    (run / "checkpoints" / "last.safetensors").write_bytes(b"x")
    before = open_run(run, catalog).network.state_dict()
    assert "previous.safetensors" in capsys.readouterr().err
    assert all((last[name] + 1).equal(value) for name, value in before.items())
    previous.unlink()
    with pytest.raises(UsageError, match="last"):
        open_run(run, catalog)


def test_the_rows_of_a_run_are_json(run: Path) -> None:
    assert rows_without_times(run)
