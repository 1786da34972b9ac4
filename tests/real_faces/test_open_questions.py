"""The original's open questions at tiny size: every arm runs, goes on where it was, and is judged over seeds."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from warm_python import run_python

from maskrec.contracts.problem import RecipeError
from maskrec.metrics.intervals import t_interval
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve

BEST = ("best", "all")
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "real_faces" / "open_questions.py"


def asked(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_python([SCRIPT, "--out", out, "--size", "tiny", *words])


def rows(done: subprocess.CompletedProcess[str], table: str) -> dict[str, list[list[str]]]:
    """Of a table, by the first column."""
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith(f"{table} "))
    found: dict[str, list[list[str]]] = {}
    for line in lines[head + 1 :]:
        if not line:
            break
        name, *cells = map(str.strip, line.split("|"))
        found.setdefault(name, []).append(cells)
    return found


def test_two_arms_with_one_seed_answer_nothing(tmp_path: Path) -> None:
    done = asked(tmp_path, "--only", "ours", "triplet")
    arms, questions = rows(done, "arm"), rows(done, "question")
    conditions = ["all", "bare", "one_masked", "both_masked"]
    assert {name: [cells[0] for cells in each] for name, each in arms.items()} == dict.fromkeys(
        ("ours", "triplet"), conditions
    )
    for _, accuracy, people, seeds, count in (cells for each in arms.values() for cells in each):
        low, high = map(float, people.strip("[]").split(","))
        assert 0 <= low <= float(accuracy) <= high <= 1
        assert (seeds, count) == ("-", "1")
    assert {name: each[0][-1] for name, each in questions.items()} == {
        "triplets or ArcFace": "one seed answers nothing"
    }
    run = json.loads((tmp_path / "ours-seed17" / "result.json").read_text())["test"]["held_out"]
    row = next(each for each in run["tables"]["applied_thresholds"] if (each["name"], each["condition"]) == BEST)
    assert float(arms["ours"][0][1]) == pytest.approx(row["accuracy"], abs=5e-5)


@pytest.mark.slow
def test_every_arm_runs_and_a_second_call_makes_nothing_again(tmp_path: Path) -> None:
    done = asked(tmp_path)
    assert len(rows(done, "arm")) == 6
    again = asked(tmp_path)
    assert again.stdout.count("is already finished") == 6
    assert rows(again, "arm") == rows(done, "arm")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("open_questions")


def test_a_question_is_answered_by_the_differences_of_its_seeds(script: ModuleType) -> None:
    """Of 100 pairs about 60 are right in one arm, fewer in the other, and as many or fewer in a third."""

    def arm(*right: int) -> dict[int, Any]:
        return {seed: {"all": {"right": [each, 0], "pairs": [60, 40]}} for seed, each in enumerate(right)}

    found = {"ours": arm(60, 59, 58), "original": arm(50, 49, 47), "balanced": arm(40, 59, 60)}
    table = [[cell.strip() for cell in line.split("|")] for line in script.question_table(found)[1:]]
    ends = t_interval([0.10, 0.10, 0.11])
    assert table[0] == ["our settings or the original's", "+0.1033", f"[{ends[0]:.4f}, {ends[1]:.4f}]", "ours"]
    assert table[1][-1] == "not told apart"
    assert len(table) == 2


def test_every_arm_is_a_recipe_at_full_size(script: ModuleType, tmp_path: Path) -> None:
    """Its data need not be there: what is wrong must be missing files and nothing else."""
    size = script.sizes()["full"]
    for arm, changes in script.arms(size).items():
        with pytest.raises(RecipeError) as raised:
            resolve(size.recipe, catalog=discover(plugins=False), overrides=changes, data_root=tmp_path)
        said = [problem.message for problem in raised.value.problems]
        assert any("train.csv" in each for each in said), arm
        assert all("which does not exist" in each for each in said), (arm, said)
