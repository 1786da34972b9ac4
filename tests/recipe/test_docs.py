"""docs/recipes.md against the code: every example is read, and its tables list every key."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe
from maskrec.recipe.merging import merge
from maskrec.recipe.node import Node, plain
from maskrec.recipe.plan import Train
from maskrec.recipe.reading import read_text
from maskrec.recipe.sections import TOP
from maskrec.recipe.writing import resolved_yaml

TEXT = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_read(block: str) -> None:
    assert read_text(block, "docs").problems == []


def test_the_whole_recipe_is_one(tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(BLOCKS[0])
    checked = check_recipe(tmp_path / "whole.yaml", catalog=discover(plugins=False))
    assert checked.ok, [problem.render() for problem in checked.problems]


@pytest.mark.parametrize(
    "number", [index for index, block in enumerate(BLOCKS) if re.match(r"(loss|demo|optimizer):", block)]
)
def test_every_part_fits_into_it(tmp_path: Path, number: int) -> None:
    whole, part = (read_text(text, "docs").root for text in (BLOCKS[0], BLOCKS[number]))
    assert whole is not None
    assert part is not None
    said: list[object] = []
    merged = plain(merge(whole, part if isinstance(part, Node) else whole, said.append))
    import json

    (tmp_path / "r.yaml").write_text(json.dumps(merged))
    checked = check_recipe(tmp_path / "r.yaml", catalog=discover(plugins=False))
    assert checked.ok, [problem.render() for problem in checked.problems]
    assert checked.plan is not None
    assert resolved_yaml(checked.plan)


def test_every_section_and_setting_is_in_the_tables() -> None:
    for name in (*TOP, *(field.name for field in dataclasses.fields(Train))):
        assert f"| `{name}` |" in TEXT, name


def test_the_defaults_of_train_are_the_documented_ones() -> None:
    for field in dataclasses.fields(Train):
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{field.name}` |"))
        said = row.split("|")[3].strip().strip("`").partition("`")[0]
        if field.name not in ("epochs", "best"):
            written = {None: "null", True: "true", False: "false"}
            default = field.default
            assert said == (written[default] if default is None or isinstance(default, bool) else str(default)), row
