"""The original's open questions at tiny size: every arm runs, goes on where it was, and is judged over seeds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from warm_python import run_python

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve

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


def test_two_seeds_of_two_arms_and_a_second_call_that_makes_nothing_again(tmp_path: Path) -> None:
    first = asked(tmp_path, "--only", "ours", "triplet", "--seeds", "17", "18")
    arms, questions = rows(first, "arm"), rows(first, "question")
    assert {name: [cells[0] for cells in each] for name, each in arms.items()} == {
        name: ["all", "bare", "one_masked", "both_masked"] for name in ("ours", "triplet")
    }
    for condition, accuracy, people, seeds, count in (cells for each in arms.values() for cells in each):
        low, high = map(float, people.strip("[]").split(","))
        assert 0 <= low <= high <= 1, condition
        assert 0 <= float(accuracy) <= 1
        assert (seeds.startswith("["), count) == (True, "2")
    assert list(questions) == ["triplets or ArcFace"]
    again = asked(tmp_path, "--only", "ours", "triplet", "--seeds", "17", "18")
    assert again.stdout.count("is already finished") == 4
    assert (rows(again, "arm"), rows(again, "question")) == (arms, questions)


@pytest.mark.slow
def test_every_arm_runs_and_one_seed_answers_nothing(tmp_path: Path) -> None:
    done = asked(tmp_path)
    assert len(rows(done, "arm")) == 6
    assert {each[0][-1] for each in rows(done, "question").values()} == {"one seed answers nothing"}


def test_every_arm_is_a_recipe_at_full_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its data need not be there: what is wrong must be missing files and nothing else."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import open_questions as questions

    size = questions.sizes()["full"]
    for arm, changes in questions.arms(size).items():
        with pytest.raises(RecipeError) as raised:
            resolve(size.recipe, catalog=discover(plugins=False), overrides=changes, data_root=tmp_path)
        said = str(raised.value)
        assert "train.csv" in said, arm
        assert all("is missing" in line or not line.strip() or "lfw_split" in line for line in said.splitlines()), said
