"""What components declare about themselves is read from the right object and enforced."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from small_recipe import PIECES, write_recipe

from maskrec.base.errors import MaskrecError
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.training.assemble import assemble, check_built
from maskrec.training.runner import start

ANSWERS = Path(__file__).with_name("answers.py")
PAIRS = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 20}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover([PIECES, ANSWERS])


def planned(catalog: Catalog, folder: Path, changes: dict[str, Any]) -> Plan:
    recipe = write_recipe(folder, {"train": {"epochs": 1, "workers": 0}, **changes})
    return resolve(recipe, catalog=catalog, data_root=folder)


def examined(use: str = "examiner", **answers: str) -> dict[str, Any]:
    return {"evaluate": {"held_out": {"use": use, "pairs": PAIRS, **answers}}}


def test_an_ordinary_method_called_check_is_not_asked(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, {"loss": {"use": "method"}})
    assert check_built(plan, catalog, tmp_path).entries == []


def test_a_check_that_fails_once_the_data_is_open_is_the_plugins_fault(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, {"loss": {"use": "late"}})
    said = r"the check of file:answers\.py/late failed: RuntimeError: cannot count to 6"
    with pytest.raises(RecipeError, match=said) as raised:
        assemble(plan, catalog, tmp_path)
    assert raised.value.exit_code == 3
    (problem,) = raised.value.problems
    assert (problem.path, problem.mark) == ("loss", plan.loss.mark)
    assert check_built(plan, catalog, tmp_path).broken_plugin


def test_a_check_that_asks_for_what_its_kind_never_sees_is_not_passed_over(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, {"loss": {"use": "ungiven"}})
    with pytest.raises(RecipeError, match=r"the check of file:answers\.py/ungiven failed: KeyError: 'run_dir'"):
        assemble(plan, catalog, tmp_path)


def test_notes_of_both_askings_are_printed_once_each(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(catalog, tmp_path, {"loss": {"use": "noting"}})
    start(plan, catalog, tmp_path, tmp_path / "run")
    out = capsys.readouterr().out
    assert out.count("note: said before and after") == 1
    assert out.count("note: 6 classes are few") == 1


WRONG = {
    "undeclared": "returned the metric 'undeclared', which it does not declare",
    "nan": "returned nan for 'spread'; a metric must be a finite number",
    "word": "returned 'wide' for 'spread'; a metric must be a finite number",
    "float32": "returned a numpy.float32 for 'spread'; a metric must be a Python float: return float(value)",
    "float64": "returned inf for 'spread'; a metric must be a finite number",
    "tensor": "returned a torch.Tensor for 'spread'; a metric must be a Python float: return float(value)",
    "row": "returned an ndarray of shape (3,) for 'spread'; a metric must be one finite number",
    "nan_threshold": "returned nan for the threshold 'best'",
    "set_details": "returned details with a value that JSON cannot hold (Object of type set is not JSON serializable)",
    "nan_table": "returned the table 'rates' with a value that JSON cannot hold",
}


@pytest.mark.parametrize("stage", ["evaluation", "tested"])
@pytest.mark.parametrize("answer", WRONG)
def test_both_answers_of_an_evaluator_are_held_to_what_it_declares(
    catalog: Catalog, tmp_path: Path, stage: str, answer: str
) -> None:
    plan = planned(catalog, tmp_path, examined(**{stage: answer}))
    with pytest.raises(MaskrecError, match=re.escape(WRONG[answer])) as raised:
        start(plan, catalog, tmp_path, tmp_path / "run")
    assert str(raised.value).startswith("evaluate.held_out: file:answers.py/examiner ")
    assert not (tmp_path / "run" / "result.json").exists()


def test_an_evaluator_that_is_a_function_is_held_to_its_own_metrics(catalog: Catalog, tmp_path: Path) -> None:
    best = {"metric": "held_out.spread"}
    changes = {**examined("examiner_function"), "train": {"epochs": 1, "workers": 0, "best": best}}
    plan = planned(catalog, tmp_path, changes)
    assert plan.train.best is not None
    assert plan.train.best.mode == "min"
    run = start(plan, catalog, tmp_path, tmp_path / "run")
    assert set(json.loads((run / "result.json").read_text())["test"]["held_out"]["metrics"]) == {"spread"}


def test_an_evaluator_that_declares_nothing_is_refused_before_the_run(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, examined("undeclared"))
    with pytest.raises(RecipeError, match=r"file:answers\.py/undeclared has no static `metrics`") as raised:
        assemble(plan, catalog, tmp_path)
    assert raised.value.exit_code == 3


def test_a_loss_inside_another_that_must_not_name_batch_is_named(catalog: Catalog, tmp_path: Path) -> None:
    loss = {"use": "weighted_sum", "parts": {"peek": {"use": "peeking"}}, "weights": {"peek": 1.0}}
    plan = planned(catalog, tmp_path, {"loss": loss})
    said = r"file:answers\.py/peeking: Peeking\.forward names `batch`, so its scope must be 'sample' or 'parts'"
    with pytest.raises(RecipeError, match=said) as raised:
        assemble(plan, catalog, tmp_path)
    assert [problem.path for problem in raised.value.problems] == ["loss.parts.peek"]
    assert raised.value.exit_code == 3
