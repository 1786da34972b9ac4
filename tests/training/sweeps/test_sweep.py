"""Sweeps of a small recipe: checked as a whole before anything starts, ordinary runs, what fails and what goes on."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import yaml
from probe_runs import PROBED, PROBES
from typer.testing import CliRunner
from warm_python import Program

from maskrec.base import interrupts
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.cli.app import build_app
from maskrec.plugin.host import discover
from maskrec.training.runner import resume, start
from maskrec.training.sweeps import engines
from maskrec.training.sweeps.combinations import read_grid
from maskrec.training.sweeps.engines import SweepCommand
from maskrec.training.sweeps.sweep import sweep
from maskrec.training.sweeps.swept_runs import RecipeUse, SweptRun, swept_runs

# At the top of a plugin that breaks once this file exists: then a run fails at once.
BREAKS = "from pathlib import Path\nif Path({file!r}).exists():\n    raise SystemExit('broken meanwhile')\n"
SHARED = "optimizer.lr=0.02"
ARCFACE = {"use": "arcface", "scale": 8.0, "margin": 0.2}


@pytest.fixture
def use(tmp_path: Path) -> RecipeUse:
    torch.set_num_threads(1)
    plugin, recipe = tmp_path / "probes.py", tmp_path / "small.yaml"
    future, rest = PROBES.read_text(encoding="utf-8").split("from __future__ import annotations\n")
    breaks = BREAKS.format(file=str(tmp_path / "broken"))
    plugin.write_text(f"{future}from __future__ import annotations\n{breaks}{rest}", encoding="utf-8")
    recipe.write_text(yaml.safe_dump({**PROBED, "loss": ARCFACE}))
    return RecipeUse(recipe, discover([plugin], plugins=False), tmp_path, False, (plugin,))


class Warm(Program):
    """The same program, in a process that need not import torch again; see ``support/warm_python.py``."""

    def __init__(self, command: SweepCommand) -> None:
        interpreter, safe_path, *words = command.words
        assert (interpreter, safe_path) == (sys.executable, "-P")
        super().__init__(words)
        self.log = command.log

    def poll(self) -> int | None:
        code = super().poll()
        if code is not None:
            self.log.write_text("".join(self._files[name].read_text(encoding="utf-8") for name in ("out", "err")))
        return code


@pytest.fixture
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "start", Warm)


def runs_of(use: RecipeUse, words: Sequence[str], seeds: int | None = None) -> list[SweptRun]:
    return swept_runs(use, read_grid([*words, SHARED]), seeds, use.data_root / "out")


def make(run: SweptRun, use: RecipeUse) -> None:
    """In this process, as the command would."""
    run.folder.parent.mkdir(exist_ok=True)
    start(run.plan, use.catalog, use.data_root, run.folder, use.plugin_files)


def test_seeds_follow_the_recipes_own_and_every_plan_has_its_values(use: RecipeUse) -> None:
    runs = runs_of(use, ["loss.margin=0.1,0.2"], 3)
    assert [(run.plan.loss.parameters["margin"], run.plan.seed) for run in runs] == [
        (margin, seed) for margin in (0.1, 0.2) for seed in (5, 6, 7)
    ]
    assert [run.name for run in runs][::3] == ["loss.margin=0.1,seed=5", "loss.margin=0.2,seed=5"]
    assert [run.seed for run in runs_of(use, ["seed=3,9"])] == [3, 9]
    assert [run.plan.seed for run in runs_of(use, ["seed=40"], 2)] == [40, 41]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["loss.margn=0.1,0.2"], "did you mean `margin`?"),
        (["loss.margin=0.1,9"], "margin"),
        (["loss.margin=0.1,x"], "margin"),
        (["lss.margin=0.1,0.2"], "lss"),
        (["loss.margin=0.1", "loss.margin=0.1,0.2"], "overridden twice"),
        (["loss.use=arcface,arcfce"], "arcfce"),
    ],
)
def test_a_fault_of_any_combination_ends_the_sweep_before_it_begins(
    use: RecipeUse, words: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as error:
        runs_of(use, words)
    lines = [line for line in str(error.value).splitlines() if not line.startswith(" ")]
    assert len(lines) == len(set(lines)) <= 2
    assert not (use.data_root / "out").exists()


def test_a_sweep_of_nothing_and_seeds_in_two_ways_are_refused(use: RecipeUse) -> None:
    with pytest.raises(UsageError, match="nothing is swept"):
        runs_of(use, ["loss.margin=0.1"])
    with pytest.raises(UsageError, match="use one of the two"):
        runs_of(use, ["seed=1,2"], 3)


def test_what_is_finished_is_left_alone_and_what_fails_is_named(
    use: RecipeUse, warm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = runs_of(use, [], 2)
    make(runs[0], use)
    before = (runs[0].folder / "result.json").stat().st_mtime_ns
    (use.data_root / "broken").touch()
    capsys.readouterr()
    with pytest.raises(MaskrecError, match=r"1 of 2 runs failed: seed=6 \(exit code 3, .*seed=6\.log\)") as error:
        sweep(runs, use, jobs=1, engine="local")
    assert error.value.exit_code == 1
    out = capsys.readouterr().out
    assert "1 run of 2 finished before" in out
    assert "failed seed=6 with exit code 3: " in out
    assert "broken meanwhile" in out
    assert (runs[0].folder / "result.json").stat().st_mtime_ns == before
    assert interrupts.sentence().startswith("interrupted; continue with: maskrec")


def test_finished_runs_give_a_table_and_a_csv(use: RecipeUse, capsys: pytest.CaptureFixture[str]) -> None:
    runs = runs_of(use, ["loss.margin=0.1,0.2"])
    for run in runs:
        make(run, use)
        result = json.loads((run.folder / "result.json").read_text(encoding="utf-8"))
        (run.folder / "result.json").write_text(json.dumps({**result, "caveats": ["drawn"]}), encoding="utf-8")
    capsys.readouterr()
    path = sweep(runs_of(use, ["loss.margin=0.1,0.2"]), use, jobs=None, engine="local")
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "2 runs of 2 finished before"
    assert out[1].split()[:2] == ["loss.margin", "runs"]
    assert [line.split()[:2] for line in out[2:4]] == [["0.1", "1"], ["0.2", "1"]]
    assert out.count("note: drawn") == 1
    with path.open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert {row["loss.margin"] for row in found} == {"0.1", "0.2"}
    assert all(float(row["min"]) <= float(row["mean"]) <= float(row["max"]) for row in found)


def test_a_folder_that_holds_another_run_is_refused_before_anything_starts(use: RecipeUse) -> None:
    runs = runs_of(use, [], 2)
    make(runs[1], use)
    with pytest.raises(UsageError, match="seed=6 holds a run of another recipe"):
        runs_of(use, ["loss.scale=9"], 2)
    runs[0].folder.mkdir()
    (runs[0].folder / "thesis.tex").touch()
    with pytest.raises(UsageError, match="holds other files"):
        runs_of(use, [], 2)


def test_its_runs_are_ordinary_ones(use: RecipeUse, warm: None, capsys: pytest.CaptureFixture[str]) -> None:
    runs = runs_of(use, [], 2)
    sweep(runs, use, jobs=2, engine="local", no_plugins=True)
    assert capsys.readouterr().out.splitlines()[:2] == ["started seed=5", "started seed=6"]
    for run in runs:
        assert "finished: 3 steps" in run.log.read_text(encoding="utf-8")
        assert run.finished
    make(runs[0], use)
    assert "is already finished" in capsys.readouterr().out, "`maskrec run` takes it for its own"
    resume(runs[1].folder, use.catalog, {"epochs": 2}, use.plugin_files)


@pytest.mark.slow
def test_the_command_with_interpreters_of_its_own(use: RecipeUse, maskrec_cli) -> None:
    words = ("sweep", use.path, "loss.margin=0.1,0.2", "--plugin", use.plugin_files[0], "--no-plugins")
    done = maskrec_cli(*words)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "every metric is in runs/small-sweep/sweep.csv" in done.stdout
    again = maskrec_cli(*words)
    assert again.stdout.splitlines()[0] == "2 runs of 2 finished before"
    assert again.stdout.splitlines()[1:] == done.stdout.splitlines()[4:]


def test_the_command_line_asks_for_the_same(use: RecipeUse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(use.data_root)
    app = build_app(["sweep"])
    words = ["sweep", str(use.path), "loss.margn=1,2", "--plugin", str(use.plugin_files[0]), "--no-plugins"]
    with pytest.raises(UsageError, match="did you mean `margin`"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert CliRunner().invoke(app, [*words, "--seeds", "0"]).exit_code == 2
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="without torchrun"):
        CliRunner().invoke(app, words, catch_exceptions=False)
