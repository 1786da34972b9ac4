"""The shipped recipe that needs this plugin."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe
from maskrec.recipe.shipped import shipped_recipe

try:
    version("maskrec-dlib")
except PackageNotFoundError:
    pytest.skip("maskrec-dlib is not installed: run make test-plugins", allow_module_level=True)

FILES = ("train", "eval_same", "eval_diff", "test", "landmarks")


@pytest.mark.parametrize("demo", [False, True])
def test_masked_dlib_is_a_plan(demo: bool, tmp_path: Path) -> None:
    catalog = discover()
    (tmp_path / "data" / "pairs").mkdir(parents=True)
    for name in FILES:
        (tmp_path / "data" / "pairs" / f"{name}.csv").touch()
    checked = check_recipe(shipped_recipe("masked_dlib"), catalog=catalog, demo=demo, data_root=tmp_path)
    assert checked.ok, [problem.render() for problem in checked.problems]
    assert checked.plan is not None
    assert checked.plan.demo == demo
