"""The recipes that teach by a teacher's templates: without their plugin a sentence, with their files a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Opened
from maskrec.recipe.shipped import shipped_recipe


def test_without_its_plugin_the_command_that_installs_it_is_said_once(tmp_path: Path) -> None:
    for name in ("train", "eval_same", "eval_diff", "test", "landmarks"):
        path = tmp_path / "data" / "pairs" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(RecipeError) as raised:
        resolve(shipped_recipe("masked_dlib"), catalog=discover([], plugins=False), data_root=tmp_path)
    first, second = raised.value.problems
    assert (first.path, second.path) == ("backbone.use", "loss.teacher.use")
    assert first.message.startswith("no plugin of the distribution 'maskrec-dlib' is installed")
    assert first.hint == "install it: pip install maskrec-dlib"
    assert second.hint == ""


def test_the_plugin_that_is_missing_is_not_replaced_by_a_demo() -> None:
    catalog = discover([], plugins=False)
    with pytest.raises(RecipeError):
        resolve(shipped_recipe("masked_dlib"), catalog=catalog)
    assert resolve(shipped_recipe("masked_dlib"), catalog=catalog, demo=True).demo


def test_a_start_is_taught_by_a_file_through_a_projection(tmp_path: Path) -> None:
    catalog = discover([], plugins=False)
    with pytest.raises(RecipeError, match=r"the file data/teacher\.onnx does not exist"):
        resolve(shipped_recipe("distill_start"), catalog=catalog, data_root=tmp_path)
    assert resolve(shipped_recipe("distill_start"), catalog=catalog, data_root=tmp_path, demo=True).demo
    (tmp_path / "data" / "faces").mkdir(parents=True)
    for name in ("teacher.onnx", "faces/faces.csv"):
        (tmp_path / "data" / name).touch()
    plan = resolve(shipped_recipe("distill_start"), catalog=catalog, data_root=tmp_path)
    assert not plan.demo
    assert isinstance(plan.loss.parameters["teacher"], Opened)
    assert plan.loss.parameters["projection"] == "linear"
