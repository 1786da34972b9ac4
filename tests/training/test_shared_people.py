"""People in two pair sets of one evaluator, and people who were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from probe_runs import WATCH, probe

from maskrec.contracts.problem import RecipeError

NOTE = "note: {} in both evaluate.{}.evaluation and evaluate.{}.test"


def people(first: int, count: int = 3, told: bool = True) -> dict[str, Any]:
    return {"use": "noise_pairs", "first_person": first, "people": count, "told": told}


def histogram(evaluation: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
    return {"use": "pair_histogram", "evaluation": evaluation, "test": test}


def notes(folder: Path, capsys: pytest.CaptureFixture[str], evaluate: dict[str, Any]) -> list[str]:
    probe(folder, {"evaluate": evaluate})
    return [line for line in capsys.readouterr().out.splitlines() if " in both " in line]


@pytest.mark.parametrize(
    ("evaluation", "test", "shared"),
    [
        (people(100), people(100), 3),
        (people(100), people(102), 1),
        (people(100), people(103), 0),
        (people(100, told=False), people(100), 0),
        (people(100), people(100, told=False), 0),
    ],
    ids=["all", "one", "none", "nobody knows who is evaluated", "nobody knows who is tested"],
)
def test_people_who_choose_a_threshold_and_are_measured_by_it_are_counted(
    evaluation: dict[str, Any], test: dict[str, Any], shared: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = notes(tmp_path, capsys, {"one": histogram(evaluation, test)})
    count = "1 person is" if shared == 1 else f"{shared} people are"
    assert found == ([NOTE.format(count, "one", "one")] if shared else [])


def test_people_of_two_evaluators_are_nobodys_business(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An evaluator's threshold is never applied to another evaluator's pairs."""
    apart = {"one": histogram(people(100), people(200)), "two": histogram(people(200), people(100))}
    assert notes(tmp_path, capsys, apart) == []


@pytest.mark.parametrize(
    ("first", "said"), [(3, "3 people of these pairs are"), (5, "1 person of these pairs is"), (6, "")]
)
def test_nobody_is_measured_who_was_trained_on(first: int, said: str, tmp_path: Path) -> None:
    """Six people are trained on, the first with number 0."""
    changes = {"evaluate": {"held_out": {**WATCH, "pairs": people(first)}}}
    if not said:
        probe(tmp_path, changes)
        return
    with pytest.raises(RecipeError, match=f"{said} also in the training data") as raised:
        probe(tmp_path, changes)
    assert [problem.path for problem in raised.value.problems] == ["evaluate.held_out.pairs"]


def test_four_people_who_were_trained_on_are_named_by_three(tmp_path: Path) -> None:
    changes = {"evaluate": {"held_out": {**WATCH, "pairs": people(0, 4)}}}
    with pytest.raises(RecipeError, match=r"4 people .* \(person 0, person 1, person 2, \.\.\.\)"):
        probe(tmp_path, changes)
